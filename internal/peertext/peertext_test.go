package peertext_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/peertext"
)

func TestQuoteShowsWordsAndNoPartOfASecret(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"an error of Datadog's", "Authorization failed: missing api_keys_write", "Authorization failed: missing api_keys_write"},
		{"a code of RFC 6749", "unsupported_response_type", "unsupported_response_type"},
		{"a key that is echoed", "invalid key 0123456789abcdef0123456789abcdef!", "invalid key [hidden]!"},
		{"a token with dots and dashes", "Bearer ory_at_Ab-1.cD2.e_F3~xyz9 refused", "Bearer [hidden] refused"},
		{"small letters, but too many for a word", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "[hidden]"},
		{"a JSON web token", "eyJhbGciOiJIUzI1NiJ9.e30.abc-_", "[hidden]"},
		{"a description of RFC 6749's", "The provided authorization grant is invalid, expired, revoked, or was issued to another client.", "The provided authorization grant is invalid, expired, revoked, or was issued to another client."},
		{"a percent-encoded secret", "code=a%2Bb%2Fc%3Dd0", "[hidden]"},
		{"control characters", "line one\r\nlevel=error line two\x1b[31m", "line one level=error line two [31m"},
		{"invalid UTF-8 and a bidi mark", "caf\xe9 \u202eevil", "caf evil"},
		{"a known secret, however short", "the code is abc-def", "the code is [hidden]"},
	} {
		if got := peertext.Quote(c.text, 200, "abc-def"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestACutNeverLeavesHalfASecret(t *testing.T) {
	t.Parallel()
	const secret = "7Gq2Zr9xV1kTt0Yw0Bn4Lm"
	for limit := range 40 {
		if got := peertext.Quote("token "+secret, limit); strings.Contains(got, secret[:3]) {
			t.Fatalf("cut at %d: %q", limit, got)
		}
	}
}

func TestNameKeepsLongNamesAndDropsWhatIsNotPrintable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		bytes int
		want  string
	}{
		{"Acme-Production-EU-2026\n<script>", 30, "Acme-Production-EU-2026 <scrip…"},
		{"데이터독 코리아 주식회사", 100, "데이터독 코리아 주식회사"},
		{"데이터독", 8, "데이…"}, // each has three bytes
		{"Ελληνική & Söhne – 株式会社", 100, "Ελληνική & Söhne – 株式会社"},
		{"a\u202egnp.exe\u2066\u200b\ufeff z", 100, "a gnp.exe z"}, // direction of writing, spaces without width
		{"caf\xe9 \xff\u2028next\x00", 100, "caf next"},
		{"key abc-def", 100, "key [hidden]"},
		{"", 10, ""},
	} {
		got := peertext.Name(c.text, c.bytes, "abc-def")
		if got != c.want || !utf8.ValidString(got) {
			t.Errorf("%q in %d bytes: %q, want %q", c.text, c.bytes, got, c.want)
		}
	}
}

package admin_test

import (
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

func TestFactsAreShownByWhatTheyAsk(t *testing.T) {
	t.Parallel()
	const refused = "mint an API key: 403"
	for _, c := range []struct {
		token     grant.TokenFact
		key       grant.KeyFact
		keyReason string
		hold      grant.Hold
		badge     string
	}{
		{grant.TokenOK, grant.KeyOK, "", grant.HoldNone, "good Token: ok"},
		{grant.TokenNone, grant.KeyOK, "", grant.HoldNone, "none Token: none"},
		{grant.TokenFailing, grant.KeyOK, "", grant.HoldNone, "wait Token: failing-since"},
		{grant.TokenReauthorise, grant.KeyOK, "", grant.HoldNone, "bad Token: reauthorise"},
		{grant.TokenOK, grant.KeyNone, "", grant.HoldNone, "none Key: none"},
		{grant.TokenOK, grant.KeyNone, refused, grant.HoldNone, "bad Key: none"},
		{grant.TokenOK, grant.KeyMinting, "a key is being minted", grant.HoldNone, "wait Key: minting"},
		{grant.TokenOK, grant.KeyFresh, "", grant.HoldNone, "wait Key: fresh"},
		{grant.TokenOK, grant.KeyRefused, refused, grant.HoldNone, "bad Key: refused"},
		{grant.TokenOK, grant.KeyExistsUnknown, refused, grant.HoldNone, "bad Key: exists-unknown"},
		{grant.TokenOK, grant.KeyOK, "", grant.HoldPaused, "wait Hold: paused"},
		{grant.TokenOK, grant.KeyOK, "", grant.HoldDisconnected, "none Hold: disconnected"},
		{grant.TokenOK, grant.KeyOK, "", grant.HoldUnreadable, "bad Hold: unreadable"},
	} {
		t.Run(c.badge, func(t *testing.T) {
			t.Parallel()
			s := start(t, &grants{tenants: []admin.TenantStatus{{Tenant: "acme", Token: string(c.token), Key: string(c.key), KeyReason: c.keyReason, Hold: string(c.hold)}}})
			_, body := s.do("GET", "/", "", s.loggedIn("the-read"))
			level, text, _ := strings.Cut(c.badge, " ")
			if want := `class="chip ` + level + `">` + strings.Replace(text, ":", "", 1) + `<`; !strings.Contains(body, want) {
				t.Errorf("no %s on the page:\n%s", want, body)
			}
		})
	}
}

func TestAScopeThatIsMissingIsAWarning(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		scopes []string
		warns  bool
	}{
		"granted":  {[]string{"events_read", "api_keys_write"}, false},
		"missing":  {[]string{"events_read", "api_keys_read"}, true},
		"not said": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status := acme()
			status.Scopes = c.scopes
			s := start(t, &grants{tenants: []admin.TenantStatus{status}})
			const warning = "the grant lacks the scope api_keys_write"
			for path, auth := range map[string]change{"/": s.loggedIn("the-read"), "/v1/tenants/acme": bearer("the-read")} {
				if _, body := s.do("GET", path, "", auth); strings.Contains(body, warning) != c.warns {
					t.Errorf("%s: warning must be there: %v; got %s", path, c.warns, body)
				}
			}
		})
	}
}

package seal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
)

var label = seal.Label{Kind: "token", Client: "main", Key: "acme", Version: 7}

func TestRFC9700_ARecordOpensUnderItsOwnLabelOnly(t *testing.T) {
	t.Parallel()
	ks := newKeyset(t)
	plain := []byte("refresh token")
	sealed := mustSeal(t, ks, label, plain)
	if bytes.Contains(sealed, plain) {
		t.Fatal("the sealed record holds the plain text")
	}
	client, got, err := ks.Open("token", "acme", 7, sealed)
	if err != nil || client != "main" || !bytes.Equal(got, plain) {
		t.Fatalf("got client %q, %q, %v", client, got, err)
	}
	for name, c := range map[string]struct {
		kind, key string
		version   uint64
	}{
		"another tenant":        {"token", "globex", 7},
		"another kind":          {"grant", "acme", 7},
		"another version":       {"token", "acme", 8},
		"kind and key shifted":  {"toke", "nacme", 7},
		"key and kind the same": {"acme", "token", 7},
	} {
		if _, _, err := ks.Open(c.kind, c.key, c.version, sealed); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("%s: got %v, want ErrSealed", name, err)
		}
	}
	if _, _, err := newKeyset(t).Open("token", "acme", 7, sealed); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("another keyset: got %v, want ErrSealed", err)
	}
}

func TestAnyFlippedOrMissingByteFailsClosed(t *testing.T) {
	t.Parallel()
	ks := newKeyset(t)
	sealed := mustSeal(t, ks, label, []byte("refresh token"))
	for i := range sealed {
		for bit := range 8 {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1 << bit
			client, plain, err := ks.Open("token", "acme", 7, changed)
			if !errors.Is(err, seal.ErrSealed) && !errors.Is(err, seal.ErrFormat) || plain != nil || client != "" {
				t.Fatalf("bit %d of byte %d: got %q, %q, %v", bit, i, client, plain, err)
			}
		}
		if _, _, err := ks.Open("token", "acme", 7, sealed[:i]); err == nil {
			t.Fatalf("opens when cut to %d bytes", i)
		}
	}
}

func TestSealingTwiceGivesDifferentBytes(t *testing.T) {
	t.Parallel()
	ks := newKeyset(t)
	if bytes.Equal(mustSeal(t, ks, label, []byte("x")), mustSeal(t, ks, label, []byte("x"))) {
		t.Error("the nonce repeats")
	}
}

func TestAClientNameThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	_, err := newKeyset(t).Seal(seal.Label{Kind: "token", Client: strings.Repeat("c", 256)}, nil)
	if err == nil || !strings.Contains(err.Error(), "at most 255") {
		t.Errorf("got %v", err)
	}
}

func TestNoVerbAndNoEncodingShowsTheKeyset(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset")
	if err := seal.CreateFile(path); err != nil {
		t.Fatal(err)
	}
	raw, _ := os.ReadFile(path)
	key := regexp.MustCompile(`"value":\s*"([^"]+)"`).FindSubmatch(raw)
	if key == nil {
		t.Fatal("the test finds no key in the file")
	}
	ks, err := seal.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	encoded, _ := json.Marshal(ks)
	shown := string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown += fmt.Sprintf(verb, ks) + fmt.Sprintf(verb, struct{ K *seal.Keyset }{ks}) + fmt.Sprintf(verb, *ks)
	}
	for i := range len(key[1]) - 12 {
		if part := string(key[1][i : i+12]); strings.Contains(shown, part) {
			t.Fatalf("shows %q of the key", part)
		}
	}
	if !strings.Contains(fmt.Sprint(ks), path) {
		t.Errorf("does not name its file: %v", ks)
	}
}

func FuzzOpen(f *testing.F) {
	ks := newKeyset(f)
	sealed := mustSeal(f, ks, label, []byte("refresh token"))
	f.Add("token", "acme", uint64(7), sealed)
	f.Add("token", "acme", uint64(8), sealed)
	f.Add("token", "acme", uint64(7), []byte{})
	f.Add("token", "acme", uint64(7), []byte{1})
	f.Add("token", "acme", uint64(7), []byte{1, 255, 'm'})
	f.Add("", "", uint64(0), []byte{1, 0})
	f.Fuzz(func(t *testing.T, kind, key string, version uint64, raw []byte) {
		client, plain, err := ks.Open(kind, key, version, raw)
		own := kind == "token" && key == "acme" && version == 7 && bytes.Equal(raw, sealed)
		switch {
		case own && err != nil:
			t.Fatalf("its own record: %v", err)
		case !own && err == nil:
			t.Fatalf("opens bytes that this keyset never sealed: %q, %q", client, plain)
		case err != nil && (client != "" || plain != nil):
			t.Fatalf("hands out %q, %q with an error", client, plain)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	ks := newKeyset(b)
	sealed := mustSeal(b, ks, label, make([]byte, 1024))
	b.SetBytes(1024)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ks.Open("token", "acme", 7, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func newKeyset(t testing.TB) *seal.Keyset {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyset.json")
	if err := seal.CreateFile(path); err != nil {
		t.Fatal(err)
	}
	ks, err := seal.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return ks
}

func mustSeal(t testing.TB, ks *seal.Keyset, label seal.Label, plain []byte) []byte {
	t.Helper()
	sealed, err := ks.Seal(label, plain)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

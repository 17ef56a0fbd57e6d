package leak_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/leak"
)

const secret = "q7Zr+P/2mVx=81LkTt9Yw0 Bn"

func TestAPlantedLeakIsFoundInEveryEncoding(t *testing.T) {
	t.Parallel()
	var s leak.Scanner
	if err := s.Add(7, secret); err != nil {
		t.Fatal(err)
	}
	for name, output := range map[string]string{
		"raw":                           "level=debug token=" + secret + "\n",
		"12 characters of it":           "…" + secret[5:17] + "…",
		"URL-encoded":                   "?code=" + url.QueryEscape(secret) + "&x=1",
		"hex":                           "0x" + hex.EncodeToString([]byte(secret)),
		"base64":                        base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64 after one byte":         base64.StdEncoding.EncodeToString([]byte("a" + secret + "b")),
		"base64 after two bytes":        base64.StdEncoding.EncodeToString([]byte("ab" + secret + "c")),
		"base64url inside a longer one": base64.URLEncoding.EncodeToString([]byte("client:" + secret + ":tail")),
	} {
		found := s.Scan([]byte("some line before\n" + output + "\nsome line after"))
		if len(found) == 0 || found[0].Secret != 7 {
			t.Errorf("%s: not found, got %v", name, found)
		}
	}
}

func TestOrdinaryOutputHoldsNoLeak(t *testing.T) {
	t.Parallel()
	var s leak.Scanner
	if err := s.Add(1, secret); err != nil {
		t.Fatal(err)
	}
	if found := s.Scan([]byte(`{"level":"info","msg":"tenant connected","tenant":"acme","last4":"Yw0B"}` + secret[:11])); len(found) != 0 {
		t.Errorf("found %v in harmless output", found)
	}
}

func TestAShortSecretIsRefused(t *testing.T) {
	t.Parallel()
	if err := new(leak.Scanner).Add(1, "tooshort"); err == nil {
		t.Error("a secret of 8 characters was accepted, though it can be found in any text")
	}
}

package ctl_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/ctl"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
)

func TestKeysetCreateWritesAKeysetThatLoads(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "tokens.keyset.json")
	var stdout bytes.Buffer
	if err := ctl.Run(t.Context(), []string{"keyset", "create", "--out", out}, &stdout); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Load(out); err != nil {
		t.Fatal(err)
	}
	if got, want := stdout.String(), "wrote "+out+"\n"; got != want {
		t.Errorf("stdout is %q, want %q and nothing of the keyset", got, want)
	}
}

func TestFaultsComeWithAHint(t *testing.T) {
	t.Parallel()
	there := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(there, []byte("keep me"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args       []string
		text, hint string
	}{
		"no command":            {nil, "no command given", "--help"},
		"unknown command":       {[]string{"keyset", "rotate"}, "no such command", "--help"},
		"keyset alone":          {[]string{"keyset"}, "no command given", "keyset create"},
		"no file":               {[]string{"keyset", "create"}, "--out", "keyset create --out"},
		"a flag that is not":    {[]string{"keyset", "create", "--output", "x"}, "-output", "keyset create --out"},
		"more than a file":      {[]string{"keyset", "create", "--out", "x", "y"}, "nothing else", "keyset create --out"},
		"a file that exists":    {[]string{"keyset", "create", "--out", there}, "never overwritten", "another file"},
		"directory not there":   {[]string{"keyset", "create", "--out", filepath.Join(there+"-not", "x")}, "no such file", "mkdir"},
		"directory that is not": {[]string{"keyset", "create", "--out", filepath.Join(there, "x")}, "not a directory", "another directory"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout bytes.Buffer
			err := ctl.Run(t.Context(), c.args, &stdout)
			var failed *ctl.Error
			if !errors.As(err, &failed) {
				t.Fatalf("got %v, want an error with a hint", err)
			}
			if !strings.Contains(failed.Error(), c.text) || !strings.Contains(failed.Hint, c.hint) {
				t.Errorf("got %q, hint %q; want %q, hint %q", failed, failed.Hint, c.text, c.hint)
			}
			if stdout.Len() > 0 {
				t.Errorf("stdout holds %q", stdout.String())
			}
		})
	}
	if raw, _ := os.ReadFile(there); string(raw) != "keep me" {
		t.Errorf("the file that was there is %q", raw)
	}
}

func TestHelpNamesOnlyCommandsThatWork(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"keyset", "create", "-h"}} {
		var stdout bytes.Buffer
		if err := ctl.Run(t.Context(), args, &stdout); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(stdout.String(), "datadogoauthctl keyset create --out") {
			t.Errorf("%v prints %q", args, stdout.String())
		}
	}
}

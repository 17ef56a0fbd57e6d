package ctl_test

import (
	"bytes"
	"errors"
	"io"
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
	if err := ctl.Run(t.Context(), []string{"keyset", "create", "--out", out}, &stdout, io.Discard); err != nil {
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
		"keyset alone":          {[]string{"keyset"}, "no command given", "keyset --help"},
		"store alone":           {[]string{"store"}, "no command given", "store --help"},
		"queue alone":           {[]string{"queue"}, "no command given", "queue --help"},
		"no directory":          {[]string{"queue", "check"}, "--dir", "queue check --dir"},
		"no file of a queue":    {[]string{"queue", "check", "--dir", filepath.Dir(there)}, "no file of file_storage", "file_storage::directory"},
		"an id that is none":    {[]string{"keyset", "promote", "--keyset", "x", "--id", "0"}, "a number from 1", "keyset promote --keyset"},
		"a keyset not there":    {[]string{"keyset", "add", "--keyset", there + "-not"}, "no such keyset file", "keyset create"},
		"not a keyset":          {[]string{"keyset", "list", "--keyset", there}, "not a Tink keyset", "name the keyset file"},
		"no place":              {[]string{"store", "backup", "--out", "x"}, "--store FILE or --postgres-dsn-file FILE or --admin URL", "store backup --store"},
		"a token and no URL":    {[]string{"store", "backup", "--out", "x", "--store", "y", "--token-file", "z"}, "go with --admin", "store backup --store"},
		"a backup over a file":  {[]string{"store", "backup", "--out", there, "--store", "y"}, "never overwritten", "another file"},
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
			err := ctl.Run(t.Context(), c.args, &stdout, io.Discard)
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
	var head bytes.Buffer
	if err := ctl.Run(t.Context(), []string{"--help"}, &head, io.Discard); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(head.String(), "--admin http://localhost:8445 ") { // where admin::listener is as a rule; the flow's is a public one
		t.Error("--help does not name the admin listener")
	}
	for _, name := range []string{"keyset create", "keyset list", "keyset add", "keyset promote", "keyset retire",
		"store backup", "store restore", "store verify", "store copy", "check", "queue check"} {
		if !strings.Contains(head.String(), "\n    "+name+" ") {
			t.Errorf("--help does not name %s", name)
		}
		var stdout bytes.Buffer
		if err := ctl.Run(t.Context(), append(strings.Fields(name), "--help"), &stdout, io.Discard); err != nil {
			t.Fatal(err)
		}
		if name == "keyset create" {
			continue // its example would write a file
		}
		example := stdout.String()[strings.LastIndex(stdout.String(), "datadogoauthctl "+name):]
		err := ctl.Run(t.Context(), strings.Fields(example)[1:], io.Discard, io.Discard) // the files of the example are not there
		if err == nil || strings.Contains(err.Error(), "flag") || strings.Contains(err.Error(), "name ") {
			t.Errorf("the example of %s is not a command: %v", name, err)
		}
	}
}

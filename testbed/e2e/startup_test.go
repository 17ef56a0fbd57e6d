package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestStartUpErrorsSayWhatToDo breaks one thing at a time in what an operator provides. The collector must end with an error that names the
// key and the cure, and the README must explain it.
func TestStartUpErrorsSayWhatToDo(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := start(t, func(o *world.Options) { o.Dir, o.Tenants = dir, threeCustomers[:1] })
	env := w.Env()
	path := func(name string) string { return filepath.Join(dir, name) }

	// The running collector has its store open: a second one, on addresses of its own, is told so.
	ports := freePorts(t, 4)
	expectStartError(t, append(env, "DEMO_PUBLIC=127.0.0.1:"+ports[0], "DEMO_ADMIN=127.0.0.1:"+ports[1], "DEMO_OTLP=127.0.0.1:"+ports[2],
		"DEMO_HEALTH=127.0.0.1:"+ports[3]), "store::path", "in use by another process")
	connectAll(t, w) // so that there is something to lose
	if err := w.Collector.Stop(); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		name  string
		file  string
		spoil func(content []byte) []byte // nil result: the file is removed
		mode  os.FileMode
		want  []string
	}{
		{"no client secret", "client-secret", gone, 0o600, []string{"clients::demo::client_secret_file"}},
		{"an empty client secret", "client-secret", empty, 0o600, []string{"clients::demo::client_secret_file"}},
		{"no keyset", "tokens.keyset.json", gone, 0o600, []string{"seal::tokens_keyset_file", "datadogoauthctl keyset create"}},
		{"not a keyset", "keys.keyset.json", func([]byte) []byte { return []byte("{}") }, 0o600, []string{"seal::keys_keyset_file", "not a"}},
		{"another store's keyset", "keys.keyset.json", func([]byte) []byte { return newKeyset(t) }, 0o600, []string{"seal::keys_keyset_file", "sealed with another keyset"}},
		{"a keyset that others can read", "keys.keyset.json", same, 0o644, []string{"seal::keys_keyset_file", "chmod 600"}},
		{"a foreign store", "grants.db", func([]byte) []byte { return []byte(strings.Repeat("something else entirely ", 4096)) }, 0o600, []string{"store::path", path("grants.db")}},
		{"a store cut off after three pages", "grants.db", func(b []byte) []byte { return b[:3*4096] }, 0o600, []string{"store::path", "damaged"}},
		{"no admin token", "admin-token", gone, 0o600, []string{"admin::tokens"}},
		{"no certificate", "public.crt", gone, 0o600, []string{"flow::listener"}},
	} {
		before, err := os.ReadFile(path(c.file))
		if err != nil {
			t.Fatal(err)
		}
		if after := c.spoil(before); after == nil {
			err = os.Remove(path(c.file))
		} else {
			err = os.WriteFile(path(c.file), after, 0o600)
		}
		if err == nil && c.mode != 0o600 {
			err = os.Chmod(path(c.file), c.mode)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Run(c.name, func(t *testing.T) {
			out := expectStartError(t, env, c.want...)
			for line := range strings.Lines(out) {
				if strings.HasPrefix(line, "Error:") {
					t.Log(strings.TrimSpace(line))
				}
			}
			if key := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(c.want[0], "::demo::", "::…::"), "tokens_keyset", "…_keyset"), "keys_keyset", "…_keyset"); !strings.Contains(string(readme), key) {
				t.Errorf("the README does not explain errors of %s", key)
			}
		})
		if err := os.WriteFile(path(c.file), before, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	// Nothing was harmed: with everything back in place, the same store opens and its customer's data flows.
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	arrived(t, w, w.Customers[0], work(t, w, w.Customers[0].Tenant, 20))
}

func gone([]byte) []byte         { return nil }
func empty([]byte) []byte        { return []byte{} }
func same(content []byte) []byte { return content }
func newKeyset(t *testing.T) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyset.json")
	if out, err := exec.CommandContext(t.Context(), binary(t, "datadogoauthctl"), "keyset", "create", "--out", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func expectStartError(t *testing.T, env []string, want ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t, "otelcol-datadogoauth"), "--config", filepath.Join(root, "examples/demo/collector.yaml"))
	cmd.Env = append(os.Environ(), env...)
	raw, err := cmd.CombinedOutput()
	out := string(raw)
	if err == nil || ctx.Err() != nil {
		t.Fatalf("the collector started although it should not: %v", err)
	}
	for _, text := range want {
		if !strings.Contains(out, text) {
			t.Errorf("the error does not say %q:\n%s", text, out[max(0, len(out)-1500):])
		}
	}
	return out
}

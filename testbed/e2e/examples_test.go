package e2e

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// example is a file of examples/ as it is, but for the files and addresses in pairs: what it has, what a test has.
func example(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "examples", name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(string(raw), pairs[i]) {
			t.Errorf("%s does not have %q any more", name, pairs[i])
		}
	}
	return strings.NewReplacer(pairs...).Replace(string(raw))
}

// writeFiles makes files that only their owner reads.
func writeFiles(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func fileOf(t *testing.T, n *world.Node, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(n.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// hostPort is the address in a URL.
func hostPort(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

package haproxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/freeport"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/haproxy"
)

// TestABalancerGoesByAHeaderAndObeys has two servers that say who they are.
func TestABalancerGoesByAHeaderAndObeys(t *testing.T) {
	t.Parallel()
	server := func(name string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) }))
		t.Cleanup(s.Close)
		return strings.TrimPrefix(s.URL, "http://")
	}
	addr, err := freeport.Addr()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, fmt.Sprintf(`defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout server 10s
listen tenants
    bind %s
    balance hdr(x-tenant)
    hash-type consistent
    default-server weight 100
    server one %s
    server two %s
`, addr, server("one"), server("two")))
	client := &http.Client{Timeout: 5 * time.Second}
	defer client.CloseIdleConnections()
	ask := func(tenant int) string {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("x-tenant", fmt.Sprintf("tenant-%d", tenant))
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%d %v: %s", resp.StatusCode, err, body)
		}
		return string(body)
	}
	const tenants = 50
	served := func() (by [tenants]string, ones int) {
		for i := range by {
			by[i] = ask(i)
			if again := ask(i); again != by[i] {
				t.Errorf("tenant %d goes to %s, then to %s", i, by[i], again)
			}
			if by[i] == "one" {
				ones++
			}
		}
		return by, ones
	}
	set := func(what string) {
		t.Helper()
		if err := p.Set(t.Context(), "one", what); err != nil {
			t.Fatal(err)
		}
	}
	before, ones := served()
	if ones < tenants/5 || ones > tenants*4/5 {
		t.Errorf("%d of %d tenants go to one of two servers", ones, tenants)
	}
	set("weight 25%")
	if _, fewer := served(); fewer == 0 || fewer >= ones {
		t.Errorf("with a quarter of its weight a server has %d tenants, %d before", fewer, ones)
	}
	set("weight 100%")
	set("state drain")
	if _, none := served(); none != 0 {
		t.Errorf("a server that is drained has %d tenants", none)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := p.Await(ctx, "one", haproxy.Idle); err != nil {
		t.Error(err)
	}
	set("state ready")
	if after, _ := served(); after != before {
		t.Error("a server that came back has other tenants than before")
	}
	if err := p.Set(t.Context(), "one", "state nonsense"); err == nil {
		t.Error("a command that HAProxy does not know was no error")
	}
	if err := p.Set(t.Context(), "three", "state drain"); err == nil {
		t.Error("a server that is not there was drained")
	}
}

func TestAConfigurationThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(config, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := haproxy.Start(t.Context(), config, "/nonexistent"); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("the error does not name the fault: %v", err)
	}
}

func start(t *testing.T, config string) *haproxy.Proxy {
	t.Helper()
	dir, err := os.MkdirTemp("", "haproxy-") // t.TempDir is longer than the name of a socket may be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	file, socket := filepath.Join(dir, "haproxy.cfg"), filepath.Join(dir, "admin.sock")
	if err := os.WriteFile(file, []byte("global\n    stats socket "+socket+" level admin\n"+config), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := haproxy.Start(t.Context(), file, socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

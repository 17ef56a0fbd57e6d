package e2e

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestHealthCheckIsNotReadyWhileTheDatabaseIsDown starts the collector that only sends, three times since the service starts and tells
// its extensions in no fixed order, on a database that nobody runs.
func TestHealthCheckIsNotReadyWhileTheDatabaseIsDown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeFiles(t, dir, map[string][]byte{"keys.keyset.json": newKeyset(t), "reader-dsn": []byte("postgres://nobody@127.0.0.1:1/nothing\n")})
	ports := freePorts(t, 3)
	config := example(t, "sidecar/collector.yaml", "/etc/otelcol-datadogoauth", dir, "/var/lib/otelcol-datadogoauth", dir,
		"localhost:13133", "127.0.0.1:"+ports[0], "localhost:4317", "127.0.0.1:"+ports[1], "localhost:4318", "127.0.0.1:"+ports[2])
	config += "  telemetry:\n    metrics:\n      level: none\n"
	file := filepath.Join(dir, "collector.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		cmd := exec.CommandContext(t.Context(), binary(t, "otelcol-datadogoauth"), "--config", file)
		cmd.Env = append(os.Environ(), "SIDECAR=shop-0")
		said, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running := false
		for lines := bufio.NewScanner(said); !running && lines.Scan(); {
			running = strings.Contains(lines.Text(), "Everything is ready")
		}
		if !running {
			t.Fatalf("the collector does not start without its database: %v", cmd.Wait())
		}
		ready := time.Now()
		go func() { _, _ = io.Copy(io.Discard, said) }()
		within(t, 5*time.Second, "health_check says that it is not ready, while nothing is known of any tenant", func() bool {
			return healthAt(t, "http://127.0.0.1:"+ports[0]) == http.StatusServiceUnavailable
		})
		pauseUntil(t, ready.Add(world.ListensForSignals))
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the collector does not end well without its database: %v", err)
		}
	}
}

// TestHealthCheckByComponentStatus: what waits for an operator is 500, and the trouble of one customer is not, as long as another one is well.
func TestHealthCheckByComponentStatus(t *testing.T) {
	t.Parallel()
	address := "127.0.0.1:" + freePorts(t, 1)[0]
	w := start(t, func(o *world.Options) {
		o.Tenants = threeCustomers[:2]
		o.Args = []string{"--feature-gates=extension.healthcheck.useComponentStatus", "--set=extensions.health_check.http.endpoint=" + address,
			"--set=extensions.health_check.component_health.include_recoverable_errors=true"}
	})
	health := func(want int, when string) {
		t.Helper()
		within(t, 20*time.Second, when, func() bool { return healthAt(t, "http://"+address+"/status") == want })
	}
	refresh := func(tenant string) {
		t.Helper()
		if _, _, err := w.Admin(t.Context(), http.MethodPost, "/v1/tenants/"+tenant+"/refresh", nil); err != nil {
			t.Fatal(err)
		}
	}
	health(http.StatusOK, "200 before anybody is connected")
	connectAll(t, w)
	health(http.StatusOK, "200 when all is well")

	secret, err := w.RotateClientSecret("none-of-the-clients-secrets")
	if err != nil {
		t.Fatal(err)
	}
	refresh(w.Customers[0].Tenant)
	health(http.StatusInternalServerError, "500 with a secret that Datadog rejects")
	if err := w.WriteClientSecret(secret); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "200 with the right one", func() bool {
		refresh(w.Customers[0].Tenant)
		return healthAt(t, "http://"+address+"/status") == http.StatusOK
	})

	for i, want := range []int{http.StatusOK, http.StatusInternalServerError} {
		c := w.Customers[i]
		if n := w.Standin.OAuth().RevokeGrants("", c.Org.OrgRef); n == 0 {
			t.Fatalf("%s had nothing to revoke", c.Tenant)
		}
		within(t, 20*time.Second, "the collector knows that "+c.Tenant+" revoked", func() bool {
			refresh(c.Tenant)
			return tokenState(t, w, c.Tenant) == "reauthorise"
		})
		pauseUntil(t, time.Now().Add(time.Second)) // status is told in the background
		health(want, "the status after "+c.Tenant+" revoked")
	}
}

func tokenState(t *testing.T, w *world.World, tenant string) string {
	t.Helper()
	tenants, err := w.Tenants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range tenants {
		if c.Tenant == tenant {
			return c.Token.State
		}
	}
	return ""
}

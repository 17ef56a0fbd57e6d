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

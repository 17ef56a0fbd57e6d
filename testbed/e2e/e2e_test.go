// Package e2e runs the real collector binary against the stand-in for Datadog.
package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const root = "../.."

// binary finds what `make build` wrote.
func binary(t *testing.T, name string) string {
	t.Helper()
	dist := os.Getenv("DATADOGOAUTH_DIST")
	if dist == "" {
		dist = filepath.Join(root, "dist")
	}
	path, err := filepath.Abs(filepath.Join(dist, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; run `make build` first", err)
	}
	return path
}

var threeCustomers = [][2]string{{"acme", "datadoghq.com"}, {"globex", "datadoghq.eu"}, {"initech", "us5.datadoghq.com"}}

// start runs a world with the demo's configuration, after change.
func start(t *testing.T, change func(*world.Options)) *world.World {
	t.Helper()
	w := prepare(t, change)
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// prepare does all that start does but launch the collector.
func prepare(t *testing.T, change func(*world.Options)) *world.World {
	t.Helper()
	o := world.Options{
		Collector: binary(t, "otelcol-datadogoauth"), Ctl: binary(t, "datadogoauthctl"),
		Config: filepath.Join(root, "examples/demo/collector.yaml"), Dir: t.TempDir(), Tenants: threeCustomers,
	}
	if change != nil {
		change(&o)
	}
	w, err := world.Prepare(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the collector's last lines:\n%s", w.Log.Tail(40))
		}
		if i := strings.Index(w.Log.String(), "WARNING: DATA RACE"); i >= 0 {
			t.Errorf("data race in the collector:\n%s", w.Log.String()[i:])
		}
	})
	return w
}

func connectAll(t *testing.T, w *world.World) {
	t.Helper()
	for _, c := range w.Customers {
		if err := w.Connect(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
}

// work sends n units for a tenant and returns what the client counted.
func work(t *testing.T, w *world.World, tenant string, n int) world.Sent {
	t.Helper()
	client, err := world.NewClient(t.Context(), w.OTLP, tenant)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := client.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	if err := client.Work(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	return client.Sent()
}

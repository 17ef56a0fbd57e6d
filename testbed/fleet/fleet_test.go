package fleet

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// binary finds what `make build` wrote.
func binary(t *testing.T, name string) string {
	t.Helper()
	dist := os.Getenv("DATADOGOAUTH_DIST")
	if dist == "" {
		dist = "../../dist"
	}
	path, err := filepath.Abs(filepath.Join(dist, name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// A store that was saved comes back, a tenant may consent once more, and what the collector tells of itself is what others saw.
func TestAFleetReconnectsAndComesBack(t *testing.T) {
	t.Parallel()
	f, err := Start(t.Context(), Options{Collector: binary(t, "otelcol-datadogoauth"), Ctl: binary(t, "datadogoauthctl"), Metrics: true, TraceMS: 200})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := f.Connect(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	if err := f.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	loads, err := Loads(1, 2, 40)
	if err != nil {
		t.Fatal(err)
	}
	var ledger load.Ledger
	s := f.Stream(loads, 2, &ledger)
	for range 2 {
		if _, _, err := s.Run(t.Context(), 120, 2*time.Second); err != nil { // one turn
			t.Fatal(err)
		}
		if err := ledger.Await(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		if err := f.Reconnect(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
	}
	books, err := f.Books(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range load.Signals {
		b, client := books[string(s)], ledger.Load(uint8(i + 1))[0]
		if b.Accepted != client.Accepted || b.Missing() != 0 || b.Delivered != client.Arrived || client.Arrived == 0 {
			t.Errorf("%s: %+v, the client has %+v", s, b, client)
		}
	}
	lists := f.Goroutines()
	n, err := f.Dump(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(lists) < 3 || n < 20 || lists[len(lists)-1] < n/2 || lists[len(lists)-1] > 2*n {
		t.Errorf("lists of %v goroutines, %d at the end", lists, n)
	}
}

package datadogoauthexporter

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// openFiles runs a file_storage on a directory.
func openFiles(t *testing.T, dir string, change ...func(*filestorage.Config)) extension.Extension {
	t.Helper()
	f := filestorage.NewFactory()
	cfg := f.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = dir
	cfg.FSync = true
	for _, f := range change {
		f(cfg)
	}
	set := extensiontest.NewNopSettings(f.Type())
	ext, err := f.Create(context.Background(), set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := ext.Start(context.Background(), componenttest.NewNopHost()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ext.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return ext
}

// TestParkedDataSurvivesOnFiles parks data of three intakes with the real file_storage. The next process has the files as they were at a kill: a copy
// that was made while the first one ran. The first one's own files have the same after an orderly stop.
func TestParkedDataSurvivesOnFiles(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	files := component.MustNewID("file_storage")
	running, killed := t.TempDir(), t.TempDir()
	h.extensions[files] = openFiles(t, running)
	h.grants.Fail("acme", credential.ErrPaused)
	cfg := d.config()
	cfg.Queue.Get().StorageID = &files
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	const calls = 20
	for range calls {
		if err := e.ConsumeLogs(context.Background(), kindsOf("acme")); err != nil {
			t.Fatal(err)
		}
	}
	for _, signal := range []string{"logs", "events", "service_checks"} {
		within(t, func() bool { return counted(t, tel, "parked_items", signal, "") == calls })
	}
	within(t, func() bool { return gauged(t, tel, "otelcol_exporter_queue_size", "") == 0 }) // the queue has let go of it
	names, err := os.ReadDir(running)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(running, name.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), euKey) {
			t.Errorf("%s holds a key", name.Name())
		}
		if err := os.WriteFile(filepath.Join(killed, name.Name()), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, signal := range []string{"logs", "events", "service_checks"} {
		figuresKept(t, tel, e.(*logsExporter).core, signal, "accepted 20", calls)
	}

	for _, dir := range []string{killed, running} {
		h.grants.Fail("acme", credential.ErrNotReady)
		h.extensions[files] = openFiles(t, dir)
		set, tel = settings(t)
		again, err := createLogs(context.Background(), set, cfg)
		again = run(t, again, err, h)
		for _, signal := range []string{"logs", "events", "service_checks"} {
			if n := gauged(t, tel, "otelcol_exporter_datadogoauth_parking_items", signal); n != calls {
				t.Errorf("%d %s are found", n, signal)
			}
		}
		h.grants.Grant("acme", eu, euKey, 1, false)
		for _, signal := range []string{"logs", "events", "service_checks"} {
			within(t, func() bool { return booksOf(t, tel, signal) == "restored 20 delivered 20" })
		}
		within(t, func() bool { return gauged(t, tel, "otelcol_exporter_datadogoauth_parking_bytes", "logs") == 0 })
		if err := again.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// gauged is the value of a gauge, of one signal if there is one.
func gauged(t *testing.T, tel *componenttest.Telemetry, name, signal string) (value int64) {
	t.Helper()
	m, err := tel.GetMetric(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range m.Data.(metricdata.Gauge[int64]).DataPoints {
		if of, _ := p.Attributes.Value("signal"); of.AsString() == signal {
			value += p.Value
		}
	}
	return value
}

// within waits for something that another goroutine does.
func within(t *testing.T, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not so within 20 s")
		}
	}
}

func TestDefaultsOfTheParkGoByWhereItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg               ParkingConfig
		memory, inStorage [2]int
	}{
		{ParkingConfig{}, [2]int{16 << 20, 64 << 20}, [2]int{256 << 20, 1 << 30}},
		{ParkingConfig{MaxBytesPerTenant: 1000}, [2]int{1000, 64 << 20}, [2]int{1000, 1 << 30}},
		{ParkingConfig{MaxBytesPerTenant: 1000, MaxBytes: 2000}, [2]int{1000, 2000}, [2]int{1000, 2000}},
	} {
		for stored, want := range map[bool][2]int{false: c.memory, true: c.inStorage} {
			if got := c.cfg.limits(stored); got.PerTenantBytes != want[0] || got.TotalBytes != want[1] {
				t.Errorf("%+v, stored %t: %+v, want %v", c.cfg, stored, got, want)
			}
		}
	}
}

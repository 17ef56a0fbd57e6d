package datadogoauthexporter

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// The ways in which a file of bbolt can be damaged as a whole. Without a look at it beforehand the first ends the process, see internal/boltfile.
var damages = map[string]func(file []byte) []byte{
	"pages": func(file []byte) []byte {
		for begin := 2 * os.Getpagesize(); begin < len(file); begin += os.Getpagesize() {
			if count := file[begin+10:]; binary.NativeEndian.Uint64(file[begin:]) == uint64(begin/os.Getpagesize()) {
				count[1] ^= 0x80
			}
		}
		return file
	},
	"metas":   func(file []byte) []byte { return append(bytes.Repeat([]byte("damaged "), 1<<13/8), file[1<<13:]...) },
	"cut off": func(file []byte) []byte { return file[:2*os.Getpagesize()] },
}

var kinds = []string{"logs", "events", "service_checks"}

// TestADamagedFileHarmsNoOtherData damages a file of the exporter's own in which something waits, and starts on it. The start succeeds, the file is named,
// other data goes on, nothing is lost, and once the file is mended all of it arrives.
func TestADamagedFileHarmsNoOtherData(t *testing.T) {
	t.Parallel()
	for file, c := range map[string]struct {
		says   string
		parked int      // of each kind, that are found in spite of the damage
		waits  []string // kinds that are not delivered
	}{
		parkFile:                                {"what is parked of logs is not sent, and what has to be parked stays in the queue", 0, nil},
		"exporter_datadogoauth__event_attempts": {"no events are sent", 5, []string{"events"}},
	} {
		for name, damage := range damages {
			t.Run(file+", "+name, func(t *testing.T) {
				t.Parallel()
				l := newLives(t)
				e, tel := l.start()
				l.h.grants.Fail("acme", credential.ErrPaused)
				for range 5 {
					l.send(e, "acme")
				}
				for _, kind := range kinds {
					within(t, func() bool { return accounts(t, tel).Of(kind).Parking == 5 })
				}
				l.stop(e)

				path := filepath.Join(l.dir, file)
				whole, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				l.write(path, damage(slices.Clone(whole)))
				e, tel = l.start()
				said := l.logged.FilterMessage("A stored file cannot be used").All()
				if len(said) != 1 || !strings.Contains(errorIn(said[0]), c.says) || !strings.Contains(errorIn(said[0]), file) || !strings.Contains(errorIn(said[0]), "damaged") && name == "pages" {
					t.Errorf("the log says %v", said)
				}
				if fails := failing(t, tel); fails["queue"] != 0 || fails["parking"]+fails["event_attempts"] != 1 {
					t.Errorf("the figures say that these fail: %v", fails)
				}
				if !slices.Contains(l.status.statuses(), statusFailing) {
					t.Errorf("the collector is told %v", l.status.statuses())
				}
				l.send(e, "globex")
				l.send(e, "acme")
				for _, kind := range kinds {
					delivered := 1
					if slices.Contains(c.waits, kind) {
						delivered = 0
					}
					within(t, func() bool {
						a := accounts(t, tel).Of(kind)
						return a.Delivered == delivered && a.Restored == c.parked && a.Check() == nil && a.Queued+a.Parking == c.parked+2-delivered
					})
				}
				l.stop(e)

				l.write(path, whole)
				l.h.grants.Grant("acme", eu, euKey, 2, false)
				e, tel = l.start()
				for _, kind := range kinds {
					within(t, func() bool {
						a := accounts(t, tel).Of(kind)
						left := 6
						if slices.Contains(c.waits, kind) {
							left = 7
						}
						return a.Restored == left && a.Delivered == left && a.Check() == nil
					})
				}
				l.stop(e)
			})
		}
	}
}

// TestADamagedQueueEndsNoProcess is about pages; see losswindows_test.go for the rest.
func TestADamagedQueueEndsNoProcess(t *testing.T) {
	t.Parallel()
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLives(t)
			e, _ := l.start()
			l.stop(e)
			path := filepath.Join(l.dir, queueFile)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			l.write(path, damage(slices.Clone(whole)))
			e, _ = l.start()
			if err := e.ConsumeLogs(context.Background(), logsOf("globex")); err == nil || !strings.Contains(err.Error(), queueFile) {
				t.Errorf("the sender is told %v", err)
			}
			l.stop(e)
			l.write(path, whole)
			e, tel := l.start()
			l.send(e, "globex")
			within(t, func() bool { return accounts(t, tel).Of("logs").Delivered == 1 })
			l.stop(e)
		})
	}
}

// lives is one process after the other on the files of a directory.
type lives struct {
	t      *testing.T
	h      *host
	cfg    *Config
	dir    string
	files  component.ID
	logged *observer.ObservedLogs
	status *statusHost
}

func newLives(t *testing.T) *lives {
	d, h := twoSites(t)
	l := &lives{t: t, h: h, cfg: d.config(), dir: t.TempDir(), files: component.MustNewID("file_storage")}
	l.cfg.Queue.Get().StorageID = &l.files
	l.cfg.Retry.MaxInterval = 50 * time.Millisecond
	return l
}

func (l *lives) start() (*logsExporter, *componenttest.Telemetry) {
	l.t.Helper()
	l.h.extensions[l.files] = openFiles(l.t, l.dir, func(c *filestorage.Config) { c.FSync = false })
	set, tel := settings(l.t)
	var core zapcore.Core
	core, l.logged = observer.New(zapcore.WarnLevel)
	set.Logger = zap.New(core)
	e, err := createLogs(context.Background(), set, l.cfg)
	if err != nil {
		l.t.Fatal(err)
	}
	l.status = &statusHost{Host: l.h}
	if err := e.Start(context.Background(), l.status); err != nil {
		l.t.Fatal(err)
	}
	return e.(*logsExporter), tel
}

func (l *lives) stop(e *logsExporter) {
	l.t.Helper()
	if err := e.Shutdown(context.Background()); err != nil {
		l.t.Fatal(err)
	}
}

// send hands over one of each kind.
func (l *lives) send(e *logsExporter, tenant string) {
	l.t.Helper()
	if err := e.ConsumeLogs(context.Background(), kindsOf(tenant)); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lives) write(name string, content []byte) {
	l.t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// TestFileNamesAreThoseOfFileStorage opens files for exporters with odd names.
func TestFileNamesAreThoseOfFileStorage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := openFiles(t, dir)
	if got := directoryOf(files.(storage.Extension)); got != dir {
		t.Errorf("its directory is %q, not %q", got, dir)
	}
	if got := directoryOf(newStorage()); got != "" {
		t.Errorf("another storage is said to be in %q", got)
	}
	for _, name := range []string{"", "b", "ä/b", strings.Repeat("n", 300)} {
		id := component.MustNewIDWithName("datadogoauth", name)
		client, err := files.(storage.Extension).GetClient(t.Context(), component.KindExporter, id, "logs")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(dir, fileName(id, "logs"))); err != nil {
			t.Error(err)
		}
		if err := client.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

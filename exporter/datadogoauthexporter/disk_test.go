package datadogoauthexporter

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

const queueFile, parkFile = "exporter_datadogoauth__logs", "exporter_datadogoauth__parking_logs"

// long is an outage of acme's site, which is down, with globex beside it, which is well; on the real file_storage.
type long struct {
	exporter.Logs
	t    *testing.T
	tel  *componenttest.Telemetry
	dir  string
	down atomic.Bool
	most map[string]int64 // the largest size of each file
	rand *rand.Rand
	said *observer.ObservedLogs
}

func newLong(t *testing.T, queue int64, park int, storage func(*filestorage.Config)) *long {
	d, h := twoSites(t)
	o := &long{t: t, dir: t.TempDir(), most: map[string]int64{}, rand: rand.New(rand.NewPCG(1, 2))}
	o.down.Store(true)
	d.got = make(chan received, 100_000) // nobody reads them
	d.answers(func(r received, header http.Header) int {
		if r.site == eu && o.down.Load() {
			header.Set("Retry-After", "1")
			return http.StatusServiceUnavailable
		}
		return http.StatusAccepted
	})
	files := component.MustNewID("file_storage")
	h.extensions[files] = openFiles(t, o.dir, storage)
	cfg := d.config()
	cfg.Queue.Get().StorageID = &files
	cfg.Queue.Get().QueueSize = queue
	cfg.Parking = ParkingConfig{MaxBytesPerTenant: park, MaxBytes: park}
	cfg.Retry.MaxInterval = 100 * time.Millisecond
	set, tel := settings(t)
	var core zapcore.Core
	core, o.said = observer.New(zapcore.ErrorLevel)
	set.Logger = zap.New(core)
	e, err := createLogs(context.Background(), set, cfg)
	o.Logs, o.tel = run(t, e, err, h), tel
	return o
}

// send hands over a call of 1 KB to 2 MB, and says whether it was taken, or refused for now.
func (o *long) send(tenant string) (size int, taken bool) {
	o.t.Helper()
	size = 1 << (10 + o.rand.IntN(11))
	size += o.rand.IntN(size)
	data := plog.NewLogs()
	resource := data.ResourceLogs().AppendEmpty()
	mark(resource.Resource().Attributes(), tenant)
	records := resource.ScopeLogs().AppendEmpty().LogRecords()
	for left := size; left > 0; left -= 100_000 {
		records.AppendEmpty().Body().SetStr(strings.Repeat("x", min(left, 100_000)))
	}
	err := o.ConsumeLogs(context.Background(), data)
	if consumererror.IsPermanent(err) {
		o.t.Fatal(err)
	}
	names, err2 := filepath.Glob(filepath.Join(o.dir, "*"))
	for _, name := range names {
		info, err := os.Stat(name)
		if err2 = errors.Join(err2, err); err == nil {
			name = filepath.Base(name)
			o.most[name] = max(o.most[name], info.Size())
		}
	}
	if err2 != nil {
		o.t.Fatal(err2)
	}
	return size, err == nil
}

// TestTheFilesOfALongOutageAreBounded lets ten times of what the park holds come for a tenant whose site is down. docs/durability.md states the bound.
func TestTheFilesOfALongOutageAreBounded(t *testing.T) {
	t.Parallel()
	const queue, park = 4 << 20, 16 << 20
	o := newLong(t, queue, park, func(c *filestorage.Config) { c.FSync = false }) // its size is the same, and the test faster
	for sent := 0; sent < 10*park; {
		size, taken := o.send("acme")
		if taken {
			sent += size
		} else {
			time.Sleep(time.Millisecond)
		}
	}
	for file, holds := range map[string]int64{queueFile: queue, parkFile: park} {
		if got, bound := o.most[file], 3*holds+32<<20; got < 1<<20 || got > bound {
			t.Errorf("%s had %d bytes, for %d that it may hold; at most %d", file, got, holds, bound)
		}
		t.Logf("%s: %d MiB for %d MiB", file, o.most[file]>>20, holds>>20)
	}
	if books := booksOf(t, o.tel, "logs"); !strings.Contains(books, "park_full") {
		t.Errorf("the park was never full: %s", books)
	}
}

// TestAFileAtItsLimitLosesNothing gives the files less room than the park may take. No file is larger; the tenant in trouble is refused for now, the other
// one goes on; and when the site is back everything that was taken arrives, and the room is given back.
func TestAFileAtItsLimitLosesNothing(t *testing.T) {
	t.Parallel()
	const limit = 40 << 20
	o := newLong(t, 8<<20, 256<<20, func(c *filestorage.Config) {
		c.FSync, c.MaxSize = false, limit
		c.Compaction.OnRebound, c.Compaction.Directory, c.Compaction.CheckInterval = true, t.TempDir(), 50*time.Millisecond
		c.Compaction.ReboundNeededThresholdMiB, c.Compaction.ReboundTriggerThresholdMiB = 20, 1
	})
	refused, well := 0, 0 // since the park had no room
	for deadline := time.Now().Add(time.Minute); refused < 50 || well < 10; {
		full := o.said.FilterMessageSnippet("The storage of parked data fails").Len() > 0
		if _, taken := o.send("acme"); !taken {
			time.Sleep(10 * time.Millisecond)
			if full {
				refused++
			}
		}
		if _, taken := o.send("globex"); taken && full {
			well++
		}
		if time.Now().After(deadline) {
			t.Fatalf("full %t, refused %d times, %d calls of the tenant that is well taken: %v, %s", full, refused, well, o.most, booksOf(t, o.tel, "logs"))
		}
	}
	for file, size := range o.most {
		if size > limit {
			t.Errorf("%s had %d bytes, more than %d", file, size, limit)
		}
	}
	o.down.Store(false)
	within(t, func() bool {
		a := accounts(t, o.tel).Of("logs")
		return a.Accepted > 0 && a.Delivered == a.Accepted && a.Parking+a.Queued == 0
	})
	within(t, func() bool {
		info, err := os.Stat(filepath.Join(o.dir, parkFile))
		return err == nil && info.Size() < 4<<20
	})
	t.Log(booksOf(t, o.tel, "logs"), o.most)
}

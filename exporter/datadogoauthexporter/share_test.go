package datadogoauthexporter

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// TestABurstOfOneTenantIsRefusedToItAlone fills the queue with one tenant's data until it is refused, and then sends another's.
func TestABurstOfOneTenantIsRefusedToItAlone(t *testing.T) {
	t.Parallel()
	const queueBytes = 100_000
	for name, c := range map[string]struct {
		change   func(*Config)
		min, max int // of the queue, in percent, that acme gets
	}{
		"half of it": {nil, 40, 50},
		"a tenth":    {func(c *Config) { c.MaxQueueSharePerTenant = 0.1 }, 8, 10},
		"by items": {func(c *Config) {
			c.Queue.Get().Sizer, c.Queue.Get().QueueSize = exporterhelper.RequestSizerTypeItems, 100
		}, 50, 50},
		"nobody to share with": {func(c *Config) { c.Tenant.Fixed, c.MaxQueueSharePerTenant = "acme", 0.1 }, 80, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, h := twoSites(t)
			cfg := d.config()
			cfg.Queue.Get().QueueSize = queueBytes
			cfg.Queue.Get().Batch.Get().FlushTimeout = time.Hour // until the stop
			if c.change != nil {
				c.change(cfg)
			}
			set, tel := settings(t)
			e, err := createLogs(context.Background(), set, cfg)
			e = run(t, e, err, h)
			data := func(tenant string) error {
				d := logsOf(tenant)
				d.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().SetStr(strings.Repeat("x", 850)) // 1000 with the rest
				return e.ConsumeLogs(context.Background(), d)
			}
			var refused error
			got := 0
			for ; refused == nil && got <= 100; got++ {
				refused = data("acme")
			}
			if got--; got < c.min || got > c.max {
				t.Errorf("acme got %d percent of the queue", got)
			}
			if consumererror.IsPermanent(refused) {
				t.Errorf("refused with %v", refused)
			}
			accepted := got
			if cfg.Tenant.Fixed == "" {
				if err := data("globex"); err != nil {
					t.Errorf("globex: %v", err)
				}
				accepted++
				if n := counted(t, tel, "refused_items", "logs", "queue_share"); n != 1 {
					t.Errorf("%d items were counted as refused", n)
				}
			} else if n := counted(t, tel, "refused_items", "logs", "queue_full"); n != 1 {
				t.Errorf("%d items were counted as refused", n)
			}
			if err := e.Shutdown(context.Background()); err != nil {
				t.Fatal(err)
			}
			figures(t, tel, fmt.Sprintf("accepted %d delivered %d", accepted, accepted))
		})
	}
}

// TestABurstDoesNotQueueUpAtTheDisk has many callers of one tenant at a durable queue whose disk stands still: half of 256 calls are let to it, and each
// other call is refused at once. Another tenant's call is let to it, too.
func TestABurstDoesNotQueueUpAtTheDisk(t *testing.T) {
	t.Parallel()
	const callers = 300
	d, h := twoSites(t)
	storageID := component.MustNewID("test_storage")
	disk := newStorage()
	h.extensions[storageID] = disk
	cfg := d.config()
	cfg.Queue.Get().StorageID = &storageID
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	disk.mu.Lock() // a disk that stands still
	answers := make(chan error, callers+1)
	var calls sync.WaitGroup
	call := func(tenant string) {
		calls.Go(func() { answers <- e.ConsumeLogs(context.Background(), logsOf(tenant)) })
	}
	for range callers {
		call("acme")
	}
	for range callers - maxUnread/2 {
		if err := <-answers; err == nil || consumererror.IsPermanent(err) {
			t.Fatalf("got %v", err)
		}
	}
	call("globex")
	disk.mu.Unlock()
	calls.Wait()
	close(answers)
	for err := range answers {
		if err != nil {
			t.Error(err)
		}
	}
	for records := 0; records < maxUnread/2+1; {
		records += strings.Count(d.await(t, 1)[0].body, "hello from")
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	figures(t, tel, fmt.Sprintf("accepted %d delivered %d", maxUnread/2+1, maxUnread/2+1))
}

// TestStatsOfOneTenantDoNotHoldUpTheOthers has a tenant whose share of the queue is used up.
func TestStatsOfOneTenantDoNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, _ := settings(t)
	e := runTraces(t, set, d, h, func(c *Config) { c.Traces.BucketInterval = time.Second })
	enqueue := e.stats.enqueue
	e.stats.enqueue = func(ctx context.Context, r *intake.Request) error {
		if r.Tenant == "acme" {
			return tenancy.ErrQueueShare
		}
		return enqueue(ctx, r)
	}
	e.stats.offer(context.Background(), intake.NewRequest("acme", "org", intake.Stats, intake.Payload{Body: []byte("x"), Items: []intake.Item{{End: 1}}}))
	if err := e.ConsumeTraces(context.Background(), tracesOf("acme", "globex")); err != nil {
		t.Fatal(err)
	}
	for range 3 { // spans of both, stats of one
		if r := d.await(t, 1)[0]; r.path == statsPath && !strings.Contains(r.body, "service-of-globex") {
			t.Errorf("got %q", r.body)
		}
	}
}

// TestWhatIsNotDeletedKeepsItsPlace has a durable queue whose disk stands still when the first request is to be deleted, and tenants that are held besides
// those that work: no more are delivered and parked than there are places, for a crash makes all of these be sent twice.
func TestWhatIsNotDeletedKeepsItsPlace(t *testing.T) {
	t.Parallel()
	const tenants = 30
	d, h := twoSites(t)
	storageID := component.MustNewID("test_storage")
	disk := newStorage()
	h.extensions[storageID] = disk
	cfg := d.config()
	cfg.Queue.Get().StorageID = &storageID
	cfg.Queue.Get().NumConsumers = 10
	cfg.Queue.Get().Batch.Get().FlushTimeout = time.Second // so that all are read before the first is deleted
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	stands := make(chan struct{})
	goesOn := sync.OnceFunc(func() { close(stands) })
	defer goesOn()
	disk.mu.Lock()
	disk.onDelete = stands
	disk.mu.Unlock()
	var names []string
	var held []func() // resume them
	for i := range tenants {
		site, key := eu, euKey
		if i%2 == 0 {
			site, key = us5, us5Key
		}
		names = append(names, fmt.Sprint("tenant-", i))
		h.grants.Grant(names[i], site, key, 1, false)
		if i%3 == 0 {
			h.grants.Fail(names[i], credential.ErrPaused)
			held = append(held, func() { h.grants.Grant(names[i], site, key, 1, false) })
		}
	}
	if err := e.ConsumeLogs(context.Background(), logsOf(append(names, names...)...)); err != nil { // two records of each
		t.Fatal(err)
	}
	if err := e.ConsumeLogs(context.Background(), logsOf(names...)); err != nil { // a second item in each batch
		t.Fatal(err)
	}
	places := cfg.Queue.Get().NumConsumers
	parked := func() int { return disk.count("parking_logs/outline/") }
	within(t, func() bool { return len(d.got)+parked() >= places })
	time.Sleep(500 * time.Millisecond)
	if len(d.got)+parked() != places || len(d.got) == 0 || parked() == 0 {
		t.Errorf("%d delivered, %d parked; there are %d places", len(d.got), parked(), places)
	}
	goesOn()
	within(t, func() bool { return disk.count("logs/") == 1 }) // where the queue is
	for _, resume := range held {
		resume()
	}
	d.await(t, tenants)
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := counted(t, tel, "delivered_items", "logs", ""); n != 3*tenants {
		t.Errorf("%d records of %d are delivered", n, 3*tenants)
	}
	if err := accounts(t, tel).Check(); err != nil {
		t.Error(err)
	}
}

package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// slowDisk makes one transaction at a time, each of which takes as long as two syncs do, and fails those above a size.
type slowDisk struct {
	tenancytest.Disk
	each      time.Duration
	mostBytes int // of values in a transaction, 0 for any number

	mu           sync.Mutex // guards everything below
	busy         chan struct{}
	transactions int
}

func (d *slowDisk) Batch(ctx context.Context, ops ...*storage.Operation) error {
	d.mu.Lock()
	for d.busy != nil {
		busy := d.busy
		d.mu.Unlock()
		<-busy
		d.mu.Lock()
	}
	busy := make(chan struct{})
	d.busy = busy
	d.transactions++
	d.mu.Unlock()
	time.Sleep(d.each)
	defer func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.busy = nil
		close(busy)
	}()
	bytes := 0
	for _, op := range ops {
		bytes += len(op.Value)
	}
	if d.mostBytes > 0 && bytes > d.mostBytes {
		return errors.New("no space left on device")
	}
	return d.Disk.Batch(ctx, ops...)
}

func (d *slowDisk) made() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.transactions
}

func onSlowDisk(disk *slowDisk) func(*tenancy.Settings) {
	return func(s *tenancy.Settings) {
		s.Workers = 256
		s.Store = tenancy.OpenStore(disk, "datadogoauth/logs")
		s.Park = tenancy.ParkLimits{PerTenantBytes: 64 << 20, TotalBytes: 256 << 20}
	}
}

// TestParkingSlowsNobody has 1,500 tenants that are held and send a request a second each, and a disk of 5 ms a transaction. What is parked shares its
// transactions, so that the workers are there for a tenant in health. When the tenants are back, what is read and deleted shares them as well.
func TestParkingSlowsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const held, seconds = 1500, 4
		disk := &slowDisk{each: 5 * time.Millisecond}
		w := newWorld(t, onSlowDisk(disk))
		for i := range held {
			w.source.Grant(fmt.Sprint("held-", i), "us5.datadoghq.com", "key", 1, false)
			w.source.Fail(fmt.Sprint("held-", i), credential.ErrPaused)
		}
		w.source.Grant("well", "datadoghq.eu", "key", 1, false)
		var mu sync.Mutex
		var took []time.Duration
		w.answers(func(r *intake.Request, _ int) error {
			if r.Tenant == "well" {
				mu.Lock()
				defer mu.Unlock()
				took = append(took, time.Since(r.Try.First))
			}
			return nil
		})
		w.Start()
		p := newPool(t, w, tenancy.PoolSize(256))
		begin := time.Now()
		queued := make(map[time.Time]int) // what waits for a worker
		for i := range held * seconds {
			time.Sleep(time.Until(begin.Add(time.Duration(i) * time.Second / held)))
			p.queue <- at("us5.datadoghq.com", fmt.Sprint("held-", i%held), "record")
			if i%150 == 0 {
				p.queue <- at("datadoghq.eu", "well", "x")
				queued[time.Now()] = len(p.queue)
			}
		}
		p.stop()
		if after := time.Since(begin); after > seconds*time.Second+50*time.Millisecond {
			t.Errorf("what came in %d s was parked after %s", seconds, after)
		}
		for at, n := range queued {
			if n > 10 {
				t.Errorf("after %s %d requests wait for a worker", at.Sub(begin), n)
			}
		}
		if n := disk.made(); n > held*seconds/4 {
			t.Errorf("%d transactions for %d requests", n, held*seconds)
		}
		if items, _ := w.Dispatcher.Parked(); items != held*seconds {
			t.Errorf("%d items are parked, want %d", items, held*seconds)
		}
		if len(took) != held*seconds/150 || slices.Max(took) > time.Millisecond {
			t.Errorf("the tenant in health: %d sent, at most %s in a worker", len(took), slices.Max(took))
		}

		before := disk.made()
		for i := range held {
			w.source.Grant(fmt.Sprint("held-", i), "us5.datadoghq.com", "key", 2, false)
		}
		for items, _ := w.Dispatcher.Parked(); items > 0; items, _ = w.Dispatcher.Parked() {
			time.Sleep(10 * time.Millisecond)
		}
		if n := disk.made() - before; n > held*seconds/4 {
			t.Errorf("%d transactions to read and delete %d requests", n, held*seconds)
		}
		w.Stop(t.Context())
		if disk.Keys() > held*seconds/256+1 { // the marks of ranges of slots
			t.Errorf("%d keys are left", disk.Keys())
		}
	})
}

// TestOneThatIsTooLargeFailsAlone: those that shared its transaction are parked, and it comes again.
func TestOneThatIsTooLargeFailsAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const small = 20
		disk := &slowDisk{each: 5 * time.Millisecond, mostBytes: 20_000}
		w := newWorld(t, onSlowDisk(disk))
		errs := make([]error, small+1)
		var calls sync.WaitGroup
		for i := range errs {
			name, body := fmt.Sprint("held-", i), "record"
			if i == small {
				body = strings.Repeat("x", 20_000)
			}
			w.source.Grant(name, "us5.datadoghq.com", "key", 1, false)
			w.source.Fail(name, credential.ErrPaused)
			calls.Go(func() { errs[i] = w.Push(t.Context(), at("us5.datadoghq.com", name, body)) })
		}
		calls.Wait()
		var unsent *intake.Unsent
		if !errors.As(errs[small], &unsent) || unsent.Left.Count() != 1 {
			t.Errorf("the one that is too large: %v", errs[small])
		}
		if err := errors.Join(errs[:small]...); err != nil {
			t.Errorf("the others: %v", err)
		}
		w.want(t, fmt.Sprintf("sent [], in park %d, parked %d, redriven 0, expired 0, dropped map[]", small, small))
	})
}

// TestATransactionIsBounded has more to be parked than one may hold.
func TestATransactionIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const held, each = 30, 1 << 20
		disk := &slowDisk{each: 5 * time.Millisecond, mostBytes: 9 << 20}
		w := newWorld(t, onSlowDisk(disk))
		body := strings.Repeat("x", each)
		var calls sync.WaitGroup
		for i := range held {
			name := fmt.Sprint("held-", i)
			w.source.Grant(name, "us5.datadoghq.com", "key", 1, false)
			w.source.Fail(name, credential.ErrPaused)
			calls.Go(func() {
				if err := w.Push(t.Context(), at("us5.datadoghq.com", name, body)); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if n := disk.made(); n < 4 || n > 7 {
			t.Errorf("%d transactions for %d MiB", n, held)
		}
	})
}

package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// stored puts the park on disk, with room for a few requests of 1 KiB more.
func stored(disk *tenancytest.Disk) func(*tenancy.Settings) {
	return func(s *tenancy.Settings) {
		s.Store = tenancy.OpenStore(disk, "datadogoauth/logs")
		s.Park = tenancy.ParkLimits{PerTenantBytes: 1 << 20, TotalBytes: 1 << 20}
	}
}

// reopen is the process after the one that was killed, or stopped.
func reopen(t *testing.T, disk *tenancytest.Disk, change func(*tenancy.Settings)) *world {
	t.Helper()
	disk.DieAt(0, false)
	w := newWorld(t, func(s *tenancy.Settings) {
		stored(disk)(s)
		if change != nil {
			change(s)
		}
	})
	if err := w.Restore(func(error) { w.Dropped(intake.Logs, intake.ReasonUnreadable, 1) }); err != nil {
		t.Fatal(err)
	}
	return w
}

// left is what the next process sends of acme, once and in order, and after that there is nothing.
func left(t *testing.T, disk *tenancytest.Disk) string {
	t.Helper()
	w := reopen(t, disk, nil)
	w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
	w.Start()
	for items, _ := w.Dispatcher.Parked(); items > 0; items, _ = w.Dispatcher.Parked() {
		time.Sleep(time.Millisecond)
	}
	w.Stop(t.Context())
	if again := reopen(t, disk, nil); again.figures() != "sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[]" {
		t.Errorf("after all was sent: %s", again.figures())
	}
	return strings.Join(w.sent, "")
}

// TestNothingIsLostWhenTheProcessDies kills at every transaction of a life in which data is parked, evicted, expires, is sent in part, is cut in
// halves and is sent.
func TestNothingIsLostWhenTheProcessDies(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		for n := 1; ; n++ {
			died := false
			synctest.Test(t, func(t *testing.T) { died = dieAt(t, n, late) })
			if t.Failed() {
				t.Fatalf("killed at transaction %d, late %t", n, late)
			}
			if !died {
				if n < 20 {
					t.Errorf("there are %d transactions only", n-1)
				}
				break
			}
		}
	}
}

// limited has room for three requests of a tenant.
func limited(s *tenancy.Settings) { s.Park.PerTenantBytes = 3*1024 + 300 }

func dieAt(t *testing.T, n int, late bool) (died bool) {
	var disk tenancytest.Disk
	disk.DieAt(n, late)
	w := newWorld(t, func(s *tenancy.Settings) {
		stored(&disk)(s)
		limited(s)
		s.Retry.Enabled = false // it is parked after the first failure
	})
	for _, tenant := range []string{"acme", "globex"} {
		w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
	}
	w.source.Fail("acme", credential.ErrPaused)
	var intakes atomic.Value // how they are
	intakes.Store("")
	w.answers(func(r *intake.Request, _ int) error {
		switch {
		case disk.Dead(): // nothing is sent after the kill
			return &intake.Unsent{Left: r, Err: tenancytest.ErrDead}
		case intakes.Load() == "half" && len(r.Items) > 1:
			parts := r.Halves()
			w.mu.Lock()
			w.sent = append(w.sent, string(parts[0].Body))
			w.mu.Unlock()
			return &intake.Unsent{Left: parts[1], Partial: true, Settled: true, Err: errors.New("503")}
		case intakes.Load() == "slow" && len(r.Items) > 1:
			return &intake.Unsent{Left: r, Down: true, Err: fmt.Errorf("send: %w", context.DeadlineExceeded)}
		}
		return nil
	})
	w.Start()
	var queue []*intake.Request // what the queue keeps
	push := func(tenant string, bodies ...string) {
		r, kept := of(tenant, bodies...), of(tenant, bodies...)
		if disk.Dead() || w.Push(t.Context(), r) != nil {
			queue = append(queue, kept)
		}
	}
	push("acme", "a", "b")
	push("acme", "c", "d", "e", "f")
	push("acme", "g")
	push("acme", "h") // a and b go
	intakes.Store("half")
	push("globex", "i", "j", "k", "l")
	synctest.Wait()
	w.source.Grant("acme", "datadoghq.eu", "key", 2, false)
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	intakes.Store("slow")
	push("globex", "m", "n", "o")
	push("acme", "p", "q")
	time.Sleep(3 * time.Minute)
	synctest.Wait()
	w.source.Fail("globex", credential.ErrPaused)
	push("globex", "r")
	intakes.Store("")
	time.Sleep(3 * time.Minute)
	synctest.Wait()
	died = disk.Dead()
	before := slices.Clone(w.sent)
	evictions := w.dropped[intake.ReasonParkFull]
	w.Stop(t.Context()) // of which the disk sees nothing if it is dead
	if !died {
		before = slices.Clone(w.sent)
	}

	next := reopen(t, &disk, func(s *tenancy.Settings) { s.Retry.Enabled = false })
	for _, tenant := range []string{"acme", "globex"} {
		next.source.Grant(tenant, "datadoghq.eu", "key", 3, false)
	}
	next.Start()
	for _, r := range queue {
		if err := next.Push(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	next.Stop(t.Context())
	all := strings.Join(append(before, next.sent...), "")
	for _, item := range strings.Split("cdefghijklmnopqr", "") {
		if strings.Count(all, item) == 0 {
			t.Errorf("%s is lost: before %v, queued %d, after %v", item, before, len(queue), next.sent)
		}
		if strings.Count(all, item) > 2 {
			t.Errorf("%s arrived %d times: before %v, after %v", item, strings.Count(all, item), before, next.sent)
		}
	}
	if twice := len(all) - len(unique(all)); twice > 4 { // one request that was on its way
		t.Errorf("%d items arrived twice: before %v, after %v", twice, before, next.sent)
	}
	if !strings.Contains(all, "ab") && evictions != 2 && !(died && late) {
		t.Errorf("a and b are neither sent nor counted")
	}
	if items, bytes := next.Dispatcher.Parked(); items != 0 || bytes != 0 {
		t.Errorf("%d items, %d bytes are left", items, bytes)
	}
	if again := reopen(t, &disk, nil); again.figures() != "sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[]" || disk.Keys() > 1 {
		t.Errorf("in the end there are %d keys: %s", disk.Keys(), again.figures())
	}
	return died
}

func unique(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(slices.Compact(b))
}

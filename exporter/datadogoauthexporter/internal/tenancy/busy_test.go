package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// TestABurstLosesNothing sends 100 requests that were in the queue to an intake that works, through a park that has room for 20. It takes twice as much
// at most.
func TestABurstLosesNothing(t *testing.T) {
	t.Parallel()
	for _, places := range []int{1, 2, 3} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, func(s *tenancy.Settings) {
				s.MaxSends = places
				s.Park = tenancy.ParkLimits{PerTenantBytes: 180, TotalBytes: 360} // a request takes 2 and 16 for its item
			})
			w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
			w.answers(func(*intake.Request, int) error {
				time.Sleep(200 * time.Millisecond)
				return nil
			})
			w.Start()
			defer w.Stop(t.Context())
			p := newPool(t, w, 10)
			begin := time.Now()
			for range 100 {
				p.queue <- of("acme", "01")
			}
			for {
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
				items, bytes := w.Dispatcher.Parked()
				if bytes > 2*360+10*18 { // workers that find room at the same moment may exceed the limit together
					t.Fatalf("%d bytes parked", bytes)
				}
				if items == 0 && w.arrived() == 100 {
					break
				}
				if time.Since(begin) > 20*time.Second+time.Second {
					t.Fatal(w.figures())
				}
			}
			p.stop()
			if items, _ := w.Dispatcher.Parked(); w.arrived() != 100 || items != 0 || len(w.dropped) != 0 || w.parked != w.redriven {
				t.Fatalf("%d places: %d sent: %s", places, w.arrived(), w.figures())
			}
		})
	}
}

// TestABurstLeavesWorkersToTheOthers has more requests of one tenant in the queue than there are workers and places in its share of the park.
func TestABurstLeavesWorkersToTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.Park = tenancy.ParkLimits{PerTenantBytes: 40, TotalBytes: 1000} })
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Grant("globex", "datadoghq.eu", "key", 1, false)
		release := make(chan struct{})
		w.answers(func(r *intake.Request, _ int) error {
			if r.Tenant == "acme" {
				<-release
			}
			return nil
		})
		w.Start()
		defer w.Stop(t.Context())
		p := newPool(t, w, 10)
		for range 30 {
			p.queue <- of("acme", "1")
		}
		p.queue <- of("globex", "2")
		synctest.Wait()
		w.want(t, "sent [2], in park 28, parked 28, redriven 0, expired 0, dropped map[]") // 2 under way
		close(release)
		p.stop()
		synctest.Wait()
		if w.arrived() != 31 || w.redriven != 28 {
			t.Fatal(w.figures())
		}
	})
}

// TestWhoSendsTooFastIsTold fills the park of a tenant whose intake is slow, and of one whose intake fails.
func TestWhoSendsTooFastIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.Park.PerTenantBytes = 40 })
		for _, tenant := range []string{"acme", "globex", "initech"} {
			w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
		}
		release := make(chan struct{})
		w.answers(func(r *intake.Request, _ int) error {
			if r.Tenant == "globex" {
				return &intake.Unsent{Left: r, Wait: time.Hour, Err: errors.New("429")}
			}
			<-release
			return nil
		})
		for range 4 { // two under way, two parked
			go func() { _ = w.Push(t.Context(), of("acme", "1")) }()
			go func() { _ = w.Push(t.Context(), of("globex", "1")) }()
			synctest.Wait()
		}
		if err := w.Admit(of("acme", "1")); err == nil || !strings.Contains(err.Error(), "tenant acme sends logs faster") {
			t.Errorf("a busy tenant is told %v", err)
		}
		series := func() *intake.Request {
			r := of("globex", "1")
			r.Family = intake.Series
			return r
		}
		w.answers(func(*intake.Request, int) error { <-release; return nil })
		go func() { _ = w.Push(t.Context(), series()) }()
		synctest.Wait()
		if err := w.Admit(series()); err != nil { // the park is full of its logs, but nothing of this waits
			t.Error(err)
		}
		for _, tenant := range []string{"globex", "initech"} { // in trouble, and not busy
			if err := w.Admit(of(tenant, "1")); err != nil {
				t.Error(err)
			}
		}
		close(release)
		synctest.Wait()
		w.want(t, "sent [1 1 1], in park 4, parked 6, redriven 0, expired 0, dropped map[park_full:2]")
	})
}

// TestAnIntakeThatAsksToWaitKeepsNoWorker: the request waits in the park for as long as the intake said.
func TestAnIntakeThatAsksToWaitKeepsNoWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.answers(func(r *intake.Request, call int) error {
			if call == 1 {
				return &intake.Unsent{Left: r, Wait: time.Minute, Err: errors.New("429")}
			}
			return nil
		})
		w.Start()
		defer w.Stop(t.Context())
		for _, body := range []string{"1", "2"} {
			if err := w.Push(t.Context(), of("acme", body)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(59 * time.Second)
		synctest.Wait()
		w.want(t, "sent [], in park 2, parked 2, redriven 0, expired 0, dropped map[]")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		w.want(t, "sent [1 2], in park 0, parked 2, redriven 2, expired 0, dropped map[]")
	})
}

// TestProgressIsNoFailure has an intake that takes half of the items and then fails, each time.
func TestProgressIsNoFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
	w.answers(half)
	r := of("acme", strings.Split("0123456789abcdef", "")...)
	for range 4 { // enough to open a breaker
		err := w.Push(t.Context(), r)
		if err == nil {
			t.Fatal("parked")
		}
		r = r.OnError(err).(*intake.Request)
	}
}

// TestAHangingSiteLeavesWorkersToTheOthers has 50 tenants at a site that hangs, and elsewhere one that works and one without a key at first.
func TestAHangingSiteLeavesWorkersToTheOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.Park.TotalBytes = 1 << 20 })
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Grant("globex", "datadoghq.eu", "key", 1, false)
		w.source.Fail("globex", credential.ErrKeyMissing)
		for i := range 50 {
			w.source.Grant(fmt.Sprint("hangs-", i), "us5.datadoghq.com", "key", 1, false)
		}
		w.answers(func(r *intake.Request, call int) error {
			if !strings.HasPrefix(r.Tenant, "hangs") {
				return nil
			}
			return hang(r, call)
		})
		w.Start()
		defer w.Stop(t.Context())
		p := newPool(t, w, tenancy.PoolSize(10))
		p.queue <- of("globex", "g")
		synctest.Wait()
		for round := range 5 {
			for i := range 50 {
				p.queue <- at("us5.datadoghq.com", fmt.Sprint("hangs-", i), "h")
			}
			p.queue <- at("datadoghq.eu", "acme", "a")
			time.Sleep(200 * time.Millisecond) // as many hang as may, and the others have waited for them
			synctest.Wait()
			w.source.Grant("globex", "datadoghq.eu", "key", 2, false)
			synctest.Wait()
			if w.arrived() != round+2 {
				t.Fatalf("round %d: %s", round, w.figures())
			}
			time.Sleep(hangs)
		}
		// 6 that work, 8 that hang at first, and then two probes at a time.
		w.mu.Lock()
		calls := w.calls
		w.mu.Unlock()
		if calls > 6+8+2*8 {
			t.Errorf("%d calls", calls)
		}
		p.stop()
		w.answers(nil)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if items, _ := w.Dispatcher.Parked(); w.arrived() != 256 || items != 0 || len(w.dropped) != 0 {
			t.Fatalf("%d sent: %s", w.arrived(), w.figures())
		}
	})
}

// TestARequestThatAlwaysFailsLetsTheOthersPass has one that the intake never takes, parked before others.
func TestARequestThatAlwaysFailsLetsTheOthersPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noRetry)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.answers(func(r *intake.Request, _ int) error {
			if string(r.Body) == "bad" {
				return &intake.Unsent{Left: r, Down: true, Err: errors.New("500")}
			}
			return nil
		})
		for range 3 {
			_ = w.Push(t.Context(), of("acme", "bad"))
		}
		_ = w.Push(t.Context(), of("acme", "1"))
		w.Start()
		defer w.Stop(t.Context())
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		w.want(t, "sent [1], in park 3, parked 4, redriven 1, expired 0, dropped map[]")
	})
}

// TestARequestThatTimesOutIsCut has a way that is too slow for more than one item.
func TestARequestThatTimesOutIsCut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, noRetry)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.answers(func(r *intake.Request, _ int) error {
			if len(r.Items) > 1 {
				return &intake.Unsent{Left: r, Down: true, Err: fmt.Errorf("send: %w", context.DeadlineExceeded)}
			}
			return nil
		})
		w.Start()
		defer w.Stop(t.Context())
		_ = w.Push(t.Context(), of("acme", "1", "2", "3"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if items, _ := w.Dispatcher.Parked(); w.arrived() != 3 || items != 0 || w.redriven != 3 {
			t.Fatal(w.figures())
		}
	})
}

// TestParkedPiecesKeepNoOthersAlive cuts a large request and parks a small piece.
func TestParkedPiecesKeepNoOthersAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) {
			s.Park = tenancy.ParkLimits{PerTenantBytes: 2 << 20, TotalBytes: 2 << 20}
		})
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Fail("acme", credential.ErrPaused)
		pieces := of("acme", strings.Repeat("x", 1<<20), "1").Halves()
		large, small := &pieces[0].Body[0], &pieces[1].Body[0]
		for _, piece := range pieces {
			if err := w.Push(t.Context(), piece); err != nil {
				t.Fatal(err)
			}
		}
		var arrays []*byte
		w.answers(func(r *intake.Request, _ int) error {
			arrays = append(arrays, &r.Body[0])
			return nil
		})
		w.source.Grant("acme", "datadoghq.eu", "key", 2, false)
		w.Start()
		defer w.Stop(t.Context())
		synctest.Wait()
		if arrays[0] != large {
			t.Error("what is nearly all of its array was copied")
		}
		if arrays[1] == small || w.sent[1] != "1" {
			t.Error("the piece still is a part of the large array")
		}
	})
}

package tenancy_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// never is an intake that does not answer.
func never(s *tenancy.Settings) {
	s.Deliver = func(ctx context.Context, _ *credential.Credential, r *intake.Request) error {
		<-ctx.Done()
		return &intake.Unsent{Left: r, Down: true, Err: ctx.Err()}
	}
}

// TestCutCountsEverythingOnce has an intake that never answers: one request in back-off, two under way, three that come after the cut, four that the queue
// never brings, and five that it brings when everything was counted.
func TestCutCountsEverythingOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Grant("other", "datadoghq.eu", "key", 1, false)
		admitted := func(tenant string) *intake.Request {
			r := of(tenant, "1")
			if err := w.Admit(r); err != nil {
				t.Fatal(err)
			}
			return r
		}
		brief, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Push(brief, admitted("other")); err == nil || consumererror.IsPermanent(err) {
			t.Fatalf("not in back-off: %v", err)
		}
		var underWay sync.WaitGroup
		for range 2 {
			r := admitted("acme")
			underWay.Go(func() {
				if err := w.Push(context.Background(), r); !consumererror.IsPermanent(err) {
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait()
		var after, late []*intake.Request
		for i := range 12 {
			switch r := admitted("acme"); {
			case i < 3:
				after = append(after, r)
			case i < 7: // for ever in the queue
			default:
				late = append(late, r)
			}
		}
		w.Withdraw(admitted("acme"))
		begin := time.Now()
		w.Stop(t.Context())
		w.Cut()
		underWay.Wait()
		for _, r := range after {
			if err := w.Push(context.Background(), r); !consumererror.IsPermanent(err) {
				t.Errorf("got %v", err)
			}
		}
		if err := w.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, r := range late {
			if err := w.Push(context.Background(), r); !consumererror.IsPermanent(err) {
				t.Errorf("got %v", err)
			}
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %s", took)
		}
		w.want(t, "sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[shutdown:15]")
	})
}

// TestCutLeavesEverythingToTheDisk: the durable queue keeps what is under way, and what comes later. What is left of a request in part is parked.
func TestCutLeavesEverythingToTheDisk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var disk tenancytest.Disk
		w := newWorld(t, func(s *tenancy.Settings) {
			stored(&disk)(s)
			never(s)
			deliver := s.Deliver
			s.Deliver = func(ctx context.Context, cred *credential.Credential, r *intake.Request) error {
				err := deliver(ctx, cred, r)
				if len(r.Items) == 2 {
					return half(r, 0)
				}
				return err
			}
		})
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		push := func(r *intake.Request, stays bool) {
			if err := w.Push(context.Background(), r); (err != nil) != stays || consumererror.IsPermanent(err) {
				t.Errorf("%s: %v", r.Body, err)
			}
		}
		var underWay sync.WaitGroup
		underWay.Go(func() { push(of("acme", "1"), true) })
		underWay.Go(func() { push(of("acme", "2", "3"), false) })
		synctest.Wait()
		w.Stop(t.Context())
		w.Cut()
		underWay.Wait()
		push(of("acme", "4"), true)
		if err := w.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := left(t, &disk); got != "3" || len(w.dropped) != 0 {
			t.Errorf("on the disk is %q; %s", got, w.figures())
		}
	})
}

// TestCutEndsTheRedrive has parked data under way.
func TestCutEndsTheRedrive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, never)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Fail("acme", credential.ErrPaused)
		_ = w.Push(t.Context(), of("acme", "1"))
		w.Start()
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		synctest.Wait()
		time.AfterFunc(time.Second, w.Cut)
		begin := time.Now()
		w.Stop(t.Context())
		if took := time.Since(begin); took != time.Second {
			t.Errorf("took %s", took)
		}
		if err := w.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.want(t, "sent [], in park 0, parked 1, redriven 0, expired 0, dropped map[shutdown:1]")
	})
}

// TestWhoWaitsForAPlaceWhenTheStopComes waits until the cut, while the places are taken, and no longer.
func TestWhoWaitsForAPlaceWhenTheStopComes(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var disk tenancytest.Disk
			w := newWorld(t, func(s *tenancy.Settings) {
				s.Workers = 2
				if durable {
					stored(&disk)(s)
				}
				s.Deliver = func(_ context.Context, _ *credential.Credential, r *intake.Request) error {
					time.Sleep(time.Minute) // whatever its context says
					return nil
				}
			})
			for _, tenant := range []string{"a", "b", "c"} {
				w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
			}
			var sends, waits sync.WaitGroup
			for _, tenant := range []string{"a", "b"} {
				sends.Go(func() { _ = w.Push(context.Background(), of(tenant, "1")) })
			}
			synctest.Wait()
			w.Stop(t.Context())
			begin, ended := time.Now(), time.Duration(0)
			waits.Go(func() {
				err := w.Push(context.Background(), of("c", "2"))
				ended = time.Since(begin)
				if err == nil || consumererror.IsPermanent(err) == durable {
					t.Errorf("durable %t: %v", durable, err)
				}
			})
			time.Sleep(10 * time.Second)
			w.Cut()
			waits.Wait()
			if ended != 10*time.Second {
				t.Errorf("durable %t: waited for %s, want until the cut", durable, ended)
			}
			sends.Wait()
		})
	}
}

package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// world is a dispatcher with an intake that does what the test says, and the books of both.
type world struct {
	*tenancy.Dispatcher
	source     tenancytest.Source
	whenParked func() // may be nil

	mu                        sync.Mutex
	answer                    func(r *intake.Request, call int) error // guarded by mu, as everything below
	calls                     int
	sent                      []string
	parked, redriven, expired int
	dropped                   map[intake.Reason]int
	parkedFor                 map[tenancy.ParkReason]int
}

func newWorld(t testing.TB, change func(*tenancy.Settings)) *world {
	t.Helper()
	w := &world{dropped: map[intake.Reason]int{}, parkedFor: map[tenancy.ParkReason]int{}}
	set := tenancy.Settings{
		Source: &w.source, Observer: w, Logger: zap.NewNop(), Retry: configretry.NewDefaultBackOffConfig(),
		MaxSends: 2, Workers: 10,
		Park:   tenancy.ParkLimits{PerTenantBytes: 120, TotalBytes: 340},
		MaxAge: func(intake.Family) time.Duration { return time.Hour },
		Deliver: func(_ context.Context, cred *credential.Credential, r *intake.Request) error {
			w.mu.Lock()
			w.calls++
			call, answer := w.calls, w.answer
			w.mu.Unlock()
			if cred.Tenant() != r.Tenant {
				t.Errorf("data of %s with the credential of %s", r.Tenant, cred.Tenant())
			}
			if answer != nil {
				if err := answer(r, call); err != nil {
					return err
				}
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			w.sent = append(w.sent, string(r.Body))
			return nil
		},
	}
	if change != nil {
		change(&set)
	}
	w.Dispatcher = tenancy.NewDispatcher(set)
	return w
}

// mustPark parks what the queue does not take.
func (w *world) mustPark(t testing.TB, rs ...*intake.Request) {
	t.Helper()
	if err := w.Park(errRefused, rs...); err != nil {
		t.Fatal(err)
	}
}

var errRefused = errors.New("the queue is full")

func (w *world) Parked(_ intake.Family, why tenancy.ParkReason, n int) {
	w.mu.Lock()
	w.parkedFor[why] += n
	w.mu.Unlock()
	w.add(&w.parked, n)
	if w.whenParked != nil {
		w.whenParked()
	}
}

func (w *world) Redriven(_ intake.Family, n int) { w.add(&w.redriven, n) }
func (w *world) Expired(_ intake.Family, n int)  { w.add(&w.expired, n) }

func (w *world) add(to *int, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*to += n
}

func (w *world) Dropped(_ intake.Family, why intake.Reason, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropped[why] += n
}

// arrived is how many requests were delivered so far.
func (w *world) arrived() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sent)
}

func (w *world) answers(f func(r *intake.Request, call int) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = f
}

// figures are the books in one line, so that a test compares them at once.
func (w *world) figures() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	items, _ := w.Dispatcher.Parked()
	return fmt.Sprintf("sent %v, in park %d, parked %d, redriven %d, expired %d, dropped %v", w.sent, items, w.parked, w.redriven, w.expired, w.dropped)
}

func (w *world) want(t *testing.T, want string) {
	t.Helper()
	if got := w.figures(); got != want {
		t.Fatalf("\n got %s\nwant %s", got, want)
	}
}

// of is a request for the organisation that tenancytest gives the tenant, with one item for each body.
func of(tenant string, bodies ...string) *intake.Request {
	return at("datadoghq.eu", tenant, bodies...)
}

func at(site, tenant string, bodies ...string) *intake.Request {
	var p intake.Payload
	for _, body := range bodies {
		p.Body = append(p.Body, body...)
		p.EndItem(1, time.Now().Unix())
	}
	return intake.NewRequest(tenant, credential.Org{Client: "main", Site: site, ID: "org-of-" + tenant}.String(), intake.Logs, p)
}

func busy(r *intake.Request, _ int) error {
	return &intake.Unsent{Left: r, Err: errors.New("503")}
}

func TestParkedUntilTheKeyIsThere(t *testing.T) {
	t.Parallel()
	for _, why := range []error{credential.ErrKeyMissing, credential.ErrKeyRefused, credential.ErrPaused} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
			w.source.Fail("acme", why)
			w.Start()
			defer w.Stop(t.Context())
			for _, body := range []string{"1", "2"} {
				if err := w.Push(t.Context(), of("acme", body)); err != nil {
					t.Fatal(err)
				}
			}
			w.source.Grant("globex", "datadoghq.eu", "key", 1, false) // a change that does not help
			synctest.Wait()
			w.want(t, "sent [], in park 2, parked 2, redriven 0, expired 0, dropped map[]")
			w.source.Grant("acme", "datadoghq.eu", "key", 2, false)
			synctest.Wait()
			w.want(t, "sent [1 2], in park 0, parked 2, redriven 2, expired 0, dropped map[]")
		})
	}
}

func TestRefusedKeyIsReportedAndNotHammered(t *testing.T) {
	t.Parallel()
	for _, lenient := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			if lenient {
				w.source.KeepRefused()
			}
			w.source.Grant("acme", "datadoghq.eu", "key", 4, false)
			w.answers(func(r *intake.Request, _ int) error {
				return &intake.Unsent{Left: r, Refused: true, Err: errors.New("403")}
			})
			w.Start()
			defer w.Stop(t.Context())
			for _, body := range []string{"1", "2", "3"} {
				if err := w.Push(t.Context(), of("acme", body)); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			if w.calls != 1 || w.source.RefusedGeneration("acme") != 4 {
				t.Fatalf("%d calls, generation %d reported", w.calls, w.source.RefusedGeneration("acme"))
			}
			w.answers(nil)
			w.source.Grant("acme", "datadoghq.eu", "key", 5, false)
			time.Sleep(5 * time.Minute)
			synctest.Wait()
			w.want(t, "sent [1 2 3], in park 0, parked 3, redriven 3, expired 0, dropped map[]")
		})
	}
}

func TestNotReadyIsNeverJudged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.Fail("acme", credential.ErrNotReady)
		for range 20 { // as many as there are places and more
			if err := w.Push(t.Context(), of("acme", "1")); !errors.Is(err, credential.ErrNotReady) || consumererror.IsPermanent(err) {
				t.Fatal(err)
			}
		}
		w.want(t, "sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[]")
	})
}

func TestLostWithAReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*tenancytest.Source)
		want    intake.Reason
	}{
		"unknown":      {func(*tenancytest.Source) {}, intake.ReasonUnknownTenant},
		"disconnected": {func(s *tenancytest.Source) { s.Fail("acme", credential.ErrDisconnected) }, intake.ReasonDisconnected},
		"another org":  {func(s *tenancytest.Source) { s.Move("acme", "datadoghq.eu", "key", "another") }, intake.ReasonOrgChanged},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			c.prepare(&w.source)
			if err := w.Push(t.Context(), of("acme", "1")); !consumererror.IsPermanent(err) {
				t.Fatal(err)
			}
			w.want(t, fmt.Sprintf("sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[%s:1]", c.want))
		})
	}
}

func TestParkedDataIsLostWhenTheTenantLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Fail("acme", credential.ErrPaused)
		w.Start()
		defer w.Stop(t.Context())
		_ = w.Push(t.Context(), of("acme", "1"))
		w.source.Fail("acme", credential.ErrDisconnected)
		synctest.Wait()
		w.want(t, "sent [], in park 0, parked 1, redriven 1, expired 0, dropped map[disconnected:1]")
	})
}

func TestAHangingTenantKeepsTwoPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
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
		var pushes sync.WaitGroup
		for i := range 4 {
			pushes.Go(func() { _ = w.Push(t.Context(), of("acme", fmt.Sprint(i))) })
			synctest.Wait()
		}
		if err := w.Push(t.Context(), of("globex", "g")); err != nil {
			t.Fatal(err)
		}
		w.want(t, "sent [g], in park 2, parked 2, redriven 0, expired 0, dropped map[]")
		close(release)
		pushes.Wait()
		synctest.Wait()
		if got := w.figures(); len(w.sent) != 5 || w.redriven != 2 {
			t.Fatal(got)
		}
	})
}

// TestRetriesAndThenParks plays exporterhelper's part: it pushes again what comes back with a retryable error.
func TestRetriesAndThenParks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.answers(busy)
		w.Start()
		defer w.Stop(t.Context())
		r := of("acme", "1")
		attempts := 0
		for err := w.Push(t.Context(), r); err != nil; err = w.Push(t.Context(), r) {
			attempts++
			r = r.OnError(err).(*intake.Request)
			time.Sleep(5 * time.Second)
		}
		if attempts != 2 || w.calls != 3 {
			t.Fatalf("%d retries, %d calls", attempts, w.calls)
		}
		if err := w.Push(t.Context(), of("acme", "2")); err != nil || w.calls != 3 {
			t.Fatalf("the breaker is open: %d calls, %v", w.calls, err)
		}
		w.answers(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		w.want(t, "sent [1 2], in park 0, parked 2, redriven 2, expired 0, dropped map[]")
	})
}

func TestTheRetryBudgetEndsInThePark(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.Retry.Enabled = false })
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.answers(busy)
		if err := w.Push(t.Context(), of("acme", "1")); err != nil {
			t.Fatal(err)
		}
		w.want(t, "sent [], in park 1, parked 1, redriven 0, expired 0, dropped map[]")
	})
}

// TestHalfOfTheWorkersAtMostWait: whether the park has room or not.
func TestHalfOfTheWorkersAtMostWait(t *testing.T) {
	t.Parallel()
	for _, room := range []int{1000, 1} {
		w := newWorld(t, func(s *tenancy.Settings) { s.Park = tenancy.ParkLimits{PerTenantBytes: room, TotalBytes: 1000} })
		w.answers(busy)
		retried := 0
		for i := range 20 {
			tenant := fmt.Sprintf("tenant-%d", i)
			w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
			if err := w.Push(t.Context(), of(tenant, "1")); err != nil {
				retried++
			}
		}
		if items, _ := w.Dispatcher.Parked(); retried != 5 || items != 15 {
			t.Fatalf("%d requests wait in workers, %d in the park", retried, items)
		}
	}
}

func TestAFullParkDropsTheOldestOfTheLargest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// 120 bytes a tenant, 340 in all; a request takes 40 and 16 for its item.
		w := newWorld(t, nil)
		body := func(c byte) string { return string(make([]byte, 39)) + string(c) }
		for _, tenant := range []string{"acme", "globex", "initech"} {
			w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
			w.source.Fail(tenant, credential.ErrPaused)
		}
		push := func(tenant string, bodies ...byte) {
			for _, c := range bodies {
				if err := w.Push(t.Context(), of(tenant, body(c))); err != nil {
					t.Fatal(err)
				}
			}
		}
		push("acme", 'a', 'b', 'c') // 'a' goes: 120 bytes hold two
		push("globex", 'd', 'e')    // 224 in all
		push("initech", 'f', 'g')   // 336
		push("acme", 'h')           // 'b' goes
		push("initech", byte('i'))  // 'f' goes
		got := map[byte]bool{}      // what is left
		w.answers(func(r *intake.Request, _ int) error {
			got[r.Body[39]] = true
			return nil
		})
		for _, tenant := range []string{"acme", "globex", "initech"} {
			w.source.Grant(tenant, "datadoghq.eu", "key", 2, false)
		}
		w.Start()
		defer w.Stop(t.Context())
		synctest.Wait()
		if len(got) != 6 || got['a'] || got['b'] || got['f'] || w.dropped[intake.ReasonParkFull] != 3 {
			t.Fatalf("left %v, %s", got, w.figures())
		}
	})
}

func TestParkedDataExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Fail("acme", credential.ErrPaused)
		w.Start()
		defer w.Stop(t.Context())
		_ = w.Push(t.Context(), of("acme", "1"))
		time.Sleep(62 * time.Minute)
		synctest.Wait()
		w.want(t, "sent [], in park 0, parked 1, redriven 0, expired 1, dropped map[]")
	})
}

// TestParkedOfAnIntake: what is parked is known for each intake.
func TestParkedOfAnIntake(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	spans := of("acme", "a", "bc")
	spans.Family = intake.Traces
	stats := of("acme", "def")
	stats.Family = intake.Stats
	w.mustPark(t, spans)
	w.mustPark(t, stats)
	for _, c := range []struct {
		families     []intake.Family
		items, bytes int
	}{{nil, 3, 6 + 3*16}, {[]intake.Family{intake.Traces}, 2, 3 + 2*16}, {[]intake.Family{intake.Stats}, 1, 3 + 16}, {[]intake.Family{intake.Logs}, 0, 0}} {
		if items, bytes := w.Dispatcher.Parked(c.families...); items != c.items || bytes != c.bytes {
			t.Errorf("of %v: %d items, %d bytes; want %d, %d", c.families, items, bytes, c.items, c.bytes)
		}
	}
}

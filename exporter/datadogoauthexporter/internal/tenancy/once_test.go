package tenancy_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

func ofFamily(f intake.Family, tenant string, bodies ...string) *intake.Request {
	r := of(tenant, bodies...)
	return intake.NewRequest(tenant, r.Org, f, r.Payload)
}

// TestAnOutageCostsFewEvents has an intake that answers to no event: those that were tried are lost, the others wait, and are there at the end.
func TestAnOutageCostsFewEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.MaxAge = func(intake.Family) time.Duration { return 0 } })
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.answers(func(r *intake.Request, _ int) error {
			w.Dropped(r.Family, intake.ReasonOutcomeUnknown, r.Count())
			return consumererror.NewPermanent(&intake.Unanswered{Err: errors.New("502")})
		})
		w.Start()
		defer w.Stop(t.Context())
		lost := 0
		for _, body := range []string{"1", "2", "3", "4", "5"} {
			if w.Push(t.Context(), ofFamily(intake.Events, "acme", body)) != nil {
				lost++
			}
		}
		if lost != 3 {
			t.Fatalf("%d events were given up before the breaker opened: %s", lost, w.figures())
		}
		synctest.Wait()
		w.want(t, "sent [], in park 2, parked 2, redriven 0, expired 0, dropped map[outcome_unknown:3]")
		w.answers(nil)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		w.want(t, "sent [4 5], in park 0, parked 2, redriven 2, expired 0, dropped map[outcome_unknown:3]")
	})
}

// TestAProbeThatIsGivenUpEndsTheTurn has events in the park, of which a probe takes one at a time.
func TestAProbeThatIsGivenUpEndsTheTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Fail("acme", errors.New("paused"))
		w.answers(func(r *intake.Request, _ int) error {
			w.Dropped(r.Family, intake.ReasonOutcomeUnknown, r.Count())
			return consumererror.NewPermanent(&intake.Unanswered{Err: errors.New("502")})
		})
		w.Start()
		defer w.Stop(t.Context())
		for _, body := range []string{"1", "2", "3", "4"} {
			if err := w.Push(t.Context(), ofFamily(intake.Events, "acme", body)); err != nil {
				t.Fatal(err)
			}
		}
		w.source.Grant("acme", "datadoghq.eu", "key", 2, false)
		synctest.Wait()
		w.want(t, "sent [], in park 3, parked 4, redriven 1, expired 0, dropped map[outcome_unknown:1]")
	})
}

// TestWhatWasGivenUpIsNotKeptByADurableQueue stops while the first of two events is given up: the queue must not offer both again.
func TestWhatWasGivenUpIsNotKeptByADurableQueue(t *testing.T) {
	t.Parallel()
	var disk tenancytest.Disk
	w := newWorld(t, stored(&disk))
	w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
	w.answers(func(r *intake.Request, _ int) error {
		return &intake.Unsent{Left: r.Halves()[1], Settled: true, Down: true, Err: errors.New("502")}
	})
	w.Stop(t.Context())
	if err := w.Push(t.Context(), ofFamily(intake.Events, "acme", "1", "2")); err != nil {
		t.Fatal(err)
	}
	if got := left(t, &disk); got != "2" {
		t.Fatalf("the next one has %q", got)
	}
}

// TestSmallFamiliesHaveOnePlace keeps a tenant from taking one more worker for them.
func TestSmallFamiliesHaveOnePlace(t *testing.T) {
	t.Parallel()
	for _, small := range []intake.Family{intake.Checks, intake.HostMetadata} {
		t.Run(small.String(), func(t *testing.T) {
			t.Parallel()
			oneOf(t, small)
		})
	}
}

func oneOf(t *testing.T, small intake.Family) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.answers(hang)
		p := newPool(t, w, 10)
		for range 3 {
			p.queue <- ofFamily(small, "acme", "c")
			p.queue <- ofFamily(intake.Events, "acme", "e")
		}
		synctest.Wait()
		w.mu.Lock()
		calls := w.calls
		w.mu.Unlock()
		if calls != 3 { // two events and one of the small family
			t.Errorf("%d calls are under way", calls)
		}
		waiting, _ := w.Dispatcher.Parked(small)
		events, _ := w.Dispatcher.Parked(intake.Events)
		if waiting != 2 || events != 1 {
			t.Errorf("parked %d of %s, %d events", waiting, small, events)
		}
		w.answers(nil)
		p.stop()
		w.Stop(t.Context())
	})
}

package tenancy_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// TestStoppingWithoutADurableQueue has one request in back-off and one in the park.
func TestStoppingWithoutADurableQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
	w.answers(busy)
	if err := w.Push(t.Context(), of("acme", "1")); err == nil { // waits in back-off
		t.Fatal("not retried")
	}
	w.source.Fail("acme", credential.ErrPaused)
	_ = w.Push(t.Context(), of("acme", "2"))
	if rest := w.Stop(t.Context()); len(rest) != 0 {
		t.Fatalf("the tenant is paused, but given back is %v", rest)
	}
	if err := w.Push(t.Context(), of("acme", "3")); !consumererror.IsPermanent(err) {
		t.Fatal(err)
	}
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.want(t, "sent [], in park 0, parked 1, redriven 0, expired 0, dropped map[shutdown:3]")
}

// TestWhatIsBeingParkedWhenTheStopComes is counted once: as lost, or by who has the store.
func TestWhatIsBeingParkedWhenTheStopComes(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		var disk tenancytest.Disk
		w := newWorld(t, func(s *tenancy.Settings) {
			if durable {
				stored(&disk)(s)
			}
		})
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Fail("acme", credential.ErrPaused)
		if err := w.ParkWhile(of("acme", "1", "2"), func() { w.Stop(t.Context()) }); err != nil {
			t.Fatal(err)
		}
		if durable {
			w.want(t, "sent [], in park 2, parked 2, redriven 0, expired 0, dropped map[]")
		} else {
			w.want(t, "sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[shutdown:2]")
		}
	}
}

// TestStoppingWithAStore: what is left after the stop has begun is in the store, or stays in the queue, which keeps it while its retry has not
// given up.
func TestStoppingWithAStore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*tenancy.Settings)
		answer func(*intake.Request, int) error
		broken bool
		queued bool
		parked string
	}{
		"the intake fails":                {answer: busy, parked: "12"},
		"no time left":                    {change: noRetry, answer: busy, parked: "12"},
		"no time left, and the disk full": {change: noRetry, answer: busy, broken: true, queued: true},
		"some of it delivered":            {answer: half, parked: "2"},
		"some of it, and the disk full":   {answer: half, broken: true, queued: true},
		"not even tried, for paused":      {parked: "12"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var disk tenancytest.Disk
			w := newWorld(t, func(s *tenancy.Settings) {
				stored(&disk)(s)
				if c.change != nil {
					c.change(s)
				}
			})
			w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
			if c.answer == nil {
				w.source.Fail("acme", credential.ErrPaused)
			}
			w.answers(c.answer)
			if rest := w.Stop(t.Context()); len(rest) != 0 {
				t.Errorf("given back is %v", rest)
			}
			if c.broken {
				disk.DieAt(1, false)
			}
			err := w.Push(t.Context(), of("acme", "1", "2"))
			queued := err != nil && !consumererror.IsPermanent(err)
			if got := left(t, &disk); queued != c.queued || got != c.parked || len(w.dropped) != 0 {
				t.Fatalf("queued %t, parked %q, %s: %v", queued, got, w.figures(), err)
			}
		})
	}
}

func noRetry(s *tenancy.Settings) { s.Retry.Enabled = false }

// half takes the first of two items.
func half(r *intake.Request, _ int) error {
	return &intake.Unsent{Left: r.Halves()[1], Partial: true, Settled: true, Err: errors.New("503")}
}

// TestStopIsShortWhenAnIntakeHangs has a queue full of a tenant whose intake hangs: one round of attempts is enough to give it up.
func TestStopIsShortWhenAnIntakeHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.answers(hang)
		begin := time.Now()
		w.Stop(t.Context())
		p := newPool(t, w, 10)
		for range 50 {
			p.queue <- of("acme", "1")
		}
		p.stop()
		if took := time.Since(begin); took > hangs+time.Second {
			t.Errorf("took %s", took)
		}
		w.want(t, "sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[shutdown:50]")
	})
}

// hangs is how long an attempt takes that is not answered.
const hangs = 20 * time.Second

func hang(r *intake.Request, _ int) error {
	time.Sleep(hangs)
	return &intake.Unsent{Left: r, Down: true, Err: context.DeadlineExceeded}
}

// TestWhatIsParkedKeepsNoPlaceAtAStop: nothing of it is sent any more, so what comes out of the queue does not wait for it.
func TestWhatIsParkedKeepsNoPlaceAtAStop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var disk tenancytest.Disk
		w := newWorld(t, func(s *tenancy.Settings) {
			stored(&disk)(s)
			s.MaxSends = 1
		})
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Fail("acme", credential.ErrPaused)
		if err := w.Push(t.Context(), of("acme", "1")); err != nil {
			t.Fatal(err)
		}
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.Stop(t.Context())
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Push(ctx, of("acme", "2")); err != nil {
			t.Error(err)
		}
		if err := ctx.Err(); err != nil {
			t.Error("waited for a place that what is parked kept")
		}
		w.want(t, "sent [2], in park 1, parked 1, redriven 0, expired 0, dropped map[]")
	})
}

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

// TestStoppingWithADurableQueue: exporterhelper keeps a request for which its retry has time left. It would delete one whose time is spent, and
// would store all of one of which a part was delivered.
func TestStoppingWithADurableQueue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   func(*tenancy.Settings)
		answer   func(*intake.Request, int) error
		full     bool
		kept     bool // by exporterhelper
		handed   string
		shutdown int
	}{
		"time left":                  {answer: busy, kept: true},
		"no time left":               {change: noRetry, answer: busy, handed: "12"},
		"no time and no room left":   {change: noRetry, answer: busy, full: true, shutdown: 2},
		"some of it delivered":       {answer: half, handed: "2"},
		"some of it, but no room":    {answer: half, full: true, kept: true},
		"not even tried, for paused": {kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handed := ""
			w := newWorld(t, func(s *tenancy.Settings) {
				s.Durable = true
				s.HandBack = func(r *intake.Request) error {
					if c.full {
						return errors.New("the queue is full")
					}
					handed += string(r.Body)
					return nil
				}
				if c.change != nil {
					c.change(s)
				}
			})
			w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
			if c.answer == nil {
				w.source.Fail("acme", credential.ErrPaused)
			}
			w.answers(c.answer)
			w.Stop(t.Context())
			err := w.Push(t.Context(), of("acme", "1", "2"))
			kept := err != nil && !consumererror.IsPermanent(err)
			if kept != c.kept || handed != c.handed || w.dropped[intake.ReasonShutdown] != c.shutdown {
				t.Fatalf("kept %t, handed back %q, %s: %v", kept, handed, w.figures(), err)
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

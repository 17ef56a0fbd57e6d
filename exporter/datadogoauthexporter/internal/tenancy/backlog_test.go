package tenancy_test

import (
	"context"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// TestWhatIsQueued pushes a request of three items, and looks at what is queued while its first item is delivered and the others are under way, and when
// Push is done.
func TestWhatIsQueued(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer         func(*intake.Request, int) error
		paused         bool
		durable        bool // there is a store
		broken         bool // and it fails
		change         func(*tenancy.Settings)
		queued, parked int // after Push
		drained        int // queued after a stop and Drain
	}{
		"delivered":                      {},
		"in back-off, in memory":         {answer: busy, queued: 3},
		"a part of it in back-off":       {answer: half, queued: 1},
		"in back-off, stored":            {answer: busy, durable: true, queued: 3, drained: 3},
		"parked":                         {paused: true, parked: 3},
		"parked in a store":              {paused: true, durable: true, parked: 3},
		"in a store that fails":          {paused: true, durable: true, broken: true, queued: 3, drained: 3},
		"a part, in a store":             {answer: half, durable: true, parked: 1},
		"a part, in a store that fails":  {answer: half, durable: true, broken: true, queued: 1, drained: 1},
		"parked with the budget at once": {answer: busy, change: noRetry, parked: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var disk tenancytest.Disk
			w := newWorld(t, func(s *tenancy.Settings) {
				if c.change != nil {
					c.change(s)
				}
				if c.durable {
					stored(&disk)(s)
				}
			})
			w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
			if c.paused {
				w.source.Fail("acme", credential.ErrPaused)
			}
			r := of("acme", "1", "2", "3")
			underWay := -1
			w.answers(func(r *intake.Request, call int) error {
				r.Settled(1) // as the sender does with each body
				underWay = w.Queued(r.Family)
				if c.answer == nil {
					return nil
				}
				return c.answer(r, call)
			})
			if c.broken {
				disk.DieAt(1, false)
			}
			family := r.Family
			w.Enqueued(family, 3)
			_ = w.Push(t.Context(), r)
			if underWay >= 0 && underWay != 2 {
				t.Errorf("%d are queued after the first was settled", underWay)
			}
			parked, _ := w.Dispatcher.Parked()
			if queued := w.Queued(family); queued != c.queued || parked != c.parked {
				t.Errorf("%d are queued and %d parked", queued, parked)
			}
			w.Stop(context.Background())
			if err := w.Drain(context.Background()); err != nil {
				t.Fatal(err)
			}
			if queued := w.Queued(family); queued != c.drained {
				t.Errorf("%d are queued in the end", queued)
			}
		})
	}
}

package tenancy_test

import (
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// TestWhyDataIsParkedIsCounted parks one request or two, each for a reason of its own.
func TestWhyDataIsParkedIsCounted(t *testing.T) {
	t.Parallel()
	leaves := func(u intake.Unsent) func(*world) {
		return func(w *world) {
			w.answer = func(r *intake.Request, _ int) error { u.Left, u.Err = r, errors.New("an answer"); return &u }
		}
	}
	fails := func(why error) func(*world) { return func(w *world) { w.source.Fail("acme", why) } }
	push := func(requests ...*intake.Request) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			for _, r := range requests {
				if err := w.Push(t.Context(), r); err != nil {
					t.Error(err)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		begin func(*world)
		park  func(*testing.T, *world)
		want  map[tenancy.ParkReason]int
	}{
		"the queue is full": {func(*world) {}, func(t *testing.T, w *world) { w.mustPark(t, of("acme", "1")) }, map[tenancy.ParkReason]int{tenancy.ParkedQueue: 1}},
		"paused":            {fails(credential.ErrPaused), push(of("acme", "1")), map[tenancy.ParkReason]int{tenancy.ParkedKey: 1}},
		"not loaded":        {fails(credential.ErrNotReady), push(of("acme", "1")), map[tenancy.ParkReason]int{tenancy.ParkedNotReady: 1}},
		"not connected":     {fails(credential.ErrNotConnected), push(unclaimed("acme", "1")), map[tenancy.ParkReason]int{tenancy.ParkedNoOrganisation: 1}},
		"403":               {leaves(intake.Unsent{Refused: true}), push(of("acme", "1")), map[tenancy.ParkReason]int{tenancy.ParkedRefused: 1}},
		"503":               {leaves(intake.Unsent{Down: true}), push(of("acme", "1")), map[tenancy.ParkReason]int{tenancy.ParkedFailing: 1}},
		"429, and the next": {leaves(intake.Unsent{Wait: time.Minute}), push(of("acme", "1"), of("acme", "2")), map[tenancy.ParkReason]int{tenancy.ParkedThrottled: 1, tenancy.ParkedBreaker: 1}},
		"as many as may be": {func(w *world) { w.answer = func(*intake.Request, int) error { time.Sleep(time.Second); return nil } }, oneTooMany, map[tenancy.ParkReason]int{tenancy.ParkedBusy: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(s *tenancy.Settings) {
					s.Retry.MaxElapsedTime = time.Millisecond
					strangers(1)(s)
				})
				w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
				c.begin(w)
				c.park(t, w)
				if w.mu.Lock(); !maps.Equal(w.parkedFor, c.want) {
					t.Errorf("parked %v, want %v", w.parkedFor, c.want)
				}
				w.mu.Unlock()
			})
		})
	}
}

// oneTooMany pushes one request more than may be under way.
func oneTooMany(t *testing.T, w *world) {
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := w.Push(t.Context(), of("acme", "1")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

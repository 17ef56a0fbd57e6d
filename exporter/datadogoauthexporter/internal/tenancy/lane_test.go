package tenancy_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// TestTheLaneOfATenantThatLeftIsForgotten: also if its last attempts failed, or its intake had asked to wait.
func TestTheLaneOfATenantThatLeftIsForgotten(t *testing.T) {
	t.Parallel()
	leaves := func(w *world) { w.source.Fail("acme", credential.ErrDisconnected) }
	moves := func(w *world) { w.source.Move("acme", "datadoghq.eu", "key", "another") }
	for _, ends := range []func(*world){leaves, moves} {
		for _, wait := range []time.Duration{0, 20 * time.Minute} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, noRetry)
				w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
				w.answers(func(r *intake.Request, _ int) error {
					return &intake.Unsent{Left: r, Wait: wait, Err: errors.New("429")}
				})
				w.Start()
				defer w.Stop(t.Context())
				for range 5 {
					_ = w.Push(t.Context(), of("acme", "1"))
				}
				ends(w)
				time.Sleep(10 * time.Minute)
				if wait > 0 && w.Lanes() != 1 {
					t.Errorf("what the intake asked for is forgotten")
				}
				time.Sleep(wait)
				synctest.Wait()
				if items, _ := w.Dispatcher.Parked(); items > 0 || w.Lanes() > 0 {
					t.Errorf("%d lanes are left, %d items", w.Lanes(), items)
				}
			})
		}
	}
}

package tenancy_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// TestWhatWasNotSentSaysNothingOfTheIntake: one that is down is still tried by few.
func TestWhatWasNotSentSaysNothingOfTheIntake(t *testing.T) {
	t.Parallel()
	for _, untried := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, nil)
			for _, tenant := range []string{"a", "b", "c", "d", "e"} {
				w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
			}
			w.answers(func(r *intake.Request, _ int) error {
				if r.Tenant == "d" {
					return &intake.Unsent{Left: r, Untried: untried, Err: errors.New("a note that cannot be written, or a 403")}
				}
				return &intake.Unsent{Left: r, Down: true, Err: errors.New("503")}
			})
			for _, tenant := range []string{"a", "b", "d", "c"} {
				_ = w.Push(t.Context(), of(tenant, "x"))
			}
			calls := w.calls
			_ = w.Push(t.Context(), of("e", "x"))
			if tries := w.calls > calls; tries == untried {
				t.Errorf("d untried %v: after three failures e is tried %v", untried, tries)
			}
			w.Stop(t.Context())
		})
	}
}

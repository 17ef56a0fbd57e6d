package tenancy_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// TestTheParkRemembersHowOftenAPageAnswered, so that this ends.
func TestTheParkRemembersHowOftenAPageAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const bound = 8
		w := newWorld(t, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.answers(func(r *intake.Request, _ int) error {
			if r.Try.Pages == bound {
				return consumererror.NewPermanent(errors.New("rejected"))
			}
			r.Try.Pages++
			return &intake.Unsent{Left: r, Wait: time.Minute, Err: errors.New("a page of HTML")}
		})
		w.Start()
		if err := w.Push(t.Context(), of("acme", "x")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if w.calls != bound+1 {
			t.Errorf("%d attempts", w.calls)
		}
		w.Stop(t.Context())
	})
}

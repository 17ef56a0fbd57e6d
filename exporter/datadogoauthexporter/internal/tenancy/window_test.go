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

// dated is a request of one item for each age; one that is negative is ahead.
func dated(ages ...time.Duration) *intake.Request {
	var p intake.Payload
	for i, age := range ages {
		p.Body = append(p.Body, byte('1'+i))
		p.EndItem(1, time.Now().Add(-age).Unix())
	}
	return intake.NewRequest("acme", credential.Org{Client: "main", Site: "datadoghq.eu", ID: "org-of-acme"}.String(), intake.Series, p)
}

func tenMinutesAhead(s *tenancy.Settings) {
	s.MaxAhead = func(f intake.Family) time.Duration {
		if f == intake.Series {
			return 10 * time.Minute
		}
		return 0
	}
}

// TestWhatIsTooFarAheadIsNotSent: its neighbours are.
func TestWhatIsTooFarAheadIsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenMinutesAhead)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		const minute = time.Minute
		if err := w.Push(t.Context(), dated(0, -10*minute, -10*minute-time.Second, -1000*minute, 61*minute, 60*minute)); err != nil {
			t.Fatal(err)
		}
		w.want(t, "sent [126], in park 0, parked 0, redriven 0, expired 1, dropped map[future:2]")
		if err := w.Push(t.Context(), dated(-11*minute)); err != nil {
			t.Fatal(err)
		}
		w.want(t, "sent [126], in park 0, parked 0, redriven 0, expired 1, dropped map[future:3]")
		logs := dated(-11 * minute)
		logs.Family = intake.Logs
		if err := w.Push(t.Context(), logs); err != nil {
			t.Fatal(err)
		}
		w.want(t, "sent [126 1], in park 0, parked 0, redriven 0, expired 1, dropped map[future:3]")
	})
}

// TestWhatWaitsInTheParkMayCatchUp: only what is ahead when it is sent is lost.
func TestWhatWaitsInTheParkMayCatchUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, tenMinutesAhead)
		w.mustPark(t, dated(-12*time.Minute, -20*time.Minute))
		time.Sleep(3 * time.Minute)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.Start()
		defer w.Stop(t.Context())
		synctest.Wait()
		w.want(t, "sent [1], in park 0, parked 2, redriven 1, expired 0, dropped map[future:1]")
	})
}

// TestWhatBecomesTooOldWhileItWaitsForAPlaceExpires: it would be dropped without a word on arrival.
func TestWhatBecomesTooOldWhileItWaitsForAPlaceExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.Workers = 1 })
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		release := make(chan struct{})
		w.answers(func(_ *intake.Request, call int) error {
			if call == 1 {
				<-release
			}
			return nil
		})
		first, second := make(chan error, 1), make(chan error, 1)
		time.Sleep(850 * time.Millisecond) // times of items are whole seconds
		go func() { first <- w.Push(context.Background(), dated(0)) }()
		time.Sleep(50 * time.Millisecond)
		go func() { second <- w.Push(context.Background(), dated(time.Hour+900*time.Millisecond, 0)) }()
		time.Sleep(150 * time.Millisecond)
		close(release)
		if err := errors.Join(<-first, <-second); err != nil || consumererror.IsPermanent(err) {
			t.Fatal(err)
		}
		w.want(t, "sent [1 2], in park 0, parked 0, redriven 0, expired 1, dropped map[]")

		w.answers(nil) // the place was given back
		if err := w.Push(t.Context(), dated(0)); err != nil {
			t.Fatal(err)
		}
		w.want(t, "sent [1 2 1], in park 0, parked 0, redriven 0, expired 1, dropped map[]")
	})
}

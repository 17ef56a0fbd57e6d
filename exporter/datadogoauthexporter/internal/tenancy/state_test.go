package tenancy_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// TestTheParkTellsHowNearItsLimitsAre: bytes of all, bytes of the tenant that has most, and age by intake.
func TestTheParkTellsHowNearItsLimitsAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) {
			s.Park = tenancy.ParkLimits{PerTenantBytes: 4 * 17, TotalBytes: 10 * 17} // requests of a byte
			s.MaxAge = func(f intake.Family) time.Duration {
				if f == intake.Events {
					return 0 // any age
				}
				return time.Hour
			}
		})
		near := func(wantAll, wantTenant float64, logs, events tenancy.Waiting) {
			t.Helper()
			all, tenant := w.ParkUsed()
			if all != wantAll || tenant != wantTenant {
				t.Errorf("used up are %v and %v, want %v and %v", all, tenant, wantAll, wantTenant)
			}
			waiting := w.Waiting(time.Now())
			if waiting[intake.Logs] != logs || waiting[intake.Events] != events || waiting[intake.Series] != (tenancy.Waiting{}) {
				t.Errorf("logs wait %+v, events %+v, series %+v", waiting[intake.Logs], waiting[intake.Events], waiting[intake.Series])
			}
		}
		near(0, 0, tenancy.Waiting{}, tenancy.Waiting{})
		for _, name := range []string{"acme", "globex"} {
			w.source.Grant(name, "datadoghq.eu", "key", 1, false)
			w.source.Fail(name, credential.ErrPaused)
		}
		_ = w.Push(t.Context(), of("globex", "1"))
		time.Sleep(15 * time.Minute)
		event := of("acme", "e")
		event.Family = intake.Events
		_ = w.Push(t.Context(), event)
		_ = w.Push(t.Context(), of("acme", "1"))
		time.Sleep(15 * time.Minute)
		_ = w.Push(t.Context(), of("acme", "2"))
		near(.4, .75, tenancy.Waiting{Age: 30 * time.Minute, Share: .5}, tenancy.Waiting{Age: 15 * time.Minute})
		w.Start()
		defer w.Stop(t.Context())
		w.source.Grant("globex", "datadoghq.eu", "key", 2, false)
		synctest.Wait()
		near(.3, .75, tenancy.Waiting{Age: 15 * time.Minute, Share: .25}, tenancy.Waiting{Age: 15 * time.Minute})
	})
}

// TestASiteThatDoesNotAnswerIsShown, by intake, until it answers.
func TestASiteThatDoesNotAnswerIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		at5 := []string{"globex", "initech", "hooli", "umbrella"}
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		for _, name := range at5 {
			w.source.Grant(name, "us5.datadoghq.com", "key", 1, false)
		}
		w.answers(func(r *intake.Request, _ int) error {
			if r.Tenant != "acme" {
				return &intake.Unsent{Left: r, Down: true, Err: errors.New("503")}
			}
			return nil
		})
		w.Start()
		defer w.Stop(t.Context())
		if all := w.Destinations(); len(all) != 0 {
			t.Fatalf("before anything was sent: %v", all)
		}
		_ = w.Push(t.Context(), at("datadoghq.eu", "acme", "1"))
		for _, name := range at5 { // the last is parked, so that there is something to try with
			_ = w.Push(t.Context(), at("us5.datadoghq.com", name, "1"))
		}
		shown := func(us5 bool) {
			t.Helper()
			all := map[tenancy.Down]bool{}
			for _, to := range w.Destinations() {
				all[to] = true
			}
			if len(all) != 2 || !all[tenancy.Down{Site: "datadoghq.eu", Family: intake.Logs}] || !all[tenancy.Down{Site: "us5.datadoghq.com", Family: intake.Logs, Down: us5}] {
				t.Fatalf("shown is %v", all)
			}
		}
		shown(true)
		w.answers(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		shown(false)
	})
}

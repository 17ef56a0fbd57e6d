package tenancy_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// refusing is a world where one intake refuses the key of acme, that of logs, and where the holder of grants goes on offering the key. valid says that
// Datadog calls the key valid, once it was asked.
func refusing(t *testing.T, valid *atomic.Bool) (*world, *observer.ObservedLogs) {
	core, lines := observer.New(zap.WarnLevel)
	w := newWorld(t, func(s *tenancy.Settings) {
		s.Logger = zap.New(core)
		s.Park = tenancy.ParkLimits{PerTenantBytes: 20 * 17, TotalBytes: 1000} // twenty requests of a byte
		s.Validated = func(tenant string, generation uint64) time.Time {
			if !valid.Load() || tenant != "acme" || generation != 4 {
				return time.Time{}
			}
			return time.Now()
		}
	})
	w.source.KeepRefused()
	w.source.Grant("acme", "datadoghq.eu", "key", 4, false)
	w.answers(func(r *intake.Request, _ int) error {
		if r.Family == intake.Logs {
			return &intake.Unsent{Left: r, Refused: true, Err: errors.New("403")}
		}
		return nil
	})
	return w, lines
}

func spans(body string) *intake.Request {
	r := of("acme", body)
	r.Family = intake.Traces
	return r
}

// TestAnIntakeThatRefusesAGoodKeyCostsNoOtherIntake: it is shown, said once, parks no more than a quarter of the share, and is probed.
func TestAnIntakeThatRefusesAGoodKeyCostsNoOtherIntake(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var valid atomic.Bool
		w, lines := refusing(t, &valid)
		w.Start()
		defer w.Stop(t.Context())
		push := func(r *intake.Request) {
			t.Helper()
			if err := w.Push(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		since := time.Now()
		push(of("acme", "1"))
		if all := w.RefusedLanes(); len(all) != 0 {
			t.Fatalf("shown before it is known whether the key is good: %v", all)
		}
		for range 7 {
			push(of("acme", "1"))
		}
		w.want(t, "sent [], in park 8, parked 8, redriven 0, expired 0, dropped map[]")

		valid.Store(true)
		time.Sleep(time.Second)
		for range 30 {
			push(of("acme", "1"))
		}
		push(spans("s"))
		w.want(t, "sent [s], in park 5, parked 38, redriven 0, expired 0, dropped map[intake_refused:33]")
		if all := w.RefusedLanes(); len(all) != 1 || all[0] != (tenancy.RefusedLane{Tenant: "acme", Family: intake.Logs, Since: since}) {
			t.Fatalf("shown is %v", all)
		}
		if n := lines.FilterMessageSnippet("One intake refuses").Len(); n != 1 {
			t.Fatalf("said %d times", n)
		}

		time.Sleep(5 * time.Minute) // probes after 5, 15, 35, 75 and 155 s, which are refused
		synctest.Wait()
		if all := w.RefusedLanes(); len(all) != 1 || all[0].Since != since || w.calls != 2+5 {
			t.Fatalf("%d calls, shown is %v", w.calls, all)
		}
		w.answers(nil)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		w.want(t, "sent [s 1 1 1 1 1], in park 0, parked 38, redriven 5, expired 0, dropped map[intake_refused:33]")
		if all := w.RefusedLanes(); len(all) != 0 {
			t.Fatalf("shown is %v", all)
		}
	})
}

// TestARefusalByMistakeDelaysLittle: one answer of 403 to a key that is good, and which is called valid a while later.
func TestARefusalByMistakeDelaysLittle(t *testing.T) {
	t.Parallel()
	for known, want := range map[time.Duration]time.Duration{0: 5 * time.Second, 7 * time.Second: 10 * time.Second, time.Hour: 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			var valid atomic.Bool
			w, _ := refusing(t, &valid)
			w.answers(func(r *intake.Request, call int) error {
				if call == 1 {
					return &intake.Unsent{Left: r, Refused: true, Err: errors.New("403")}
				}
				return nil
			})
			time.AfterFunc(known, func() { valid.Store(true) })
			w.Start()
			defer w.Stop(t.Context())
			for range 3 {
				_ = w.Push(t.Context(), of("acme", "1"))
			}
			time.Sleep(want - time.Millisecond)
			synctest.Wait()
			if w.arrived() != 0 {
				t.Errorf("called valid after %s: sent earlier than after %s", known, want)
			}
			time.Sleep(2 * time.Millisecond)
			synctest.Wait()
			w.want(t, "sent [1 1 1], in park 0, parked 3, redriven 3, expired 0, dropped map[]")
		})
	}
}

// TestARequestThatIsRefusedLetsTheOthersPass: something on the way answers 403 to it, whatever the key.
func TestARequestThatIsRefusedLetsTheOthersPass(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var valid atomic.Bool
		valid.Store(true)
		w, _ := refusing(t, &valid)
		w.answers(func(r *intake.Request, _ int) error {
			if string(r.Body) == "x" {
				return &intake.Unsent{Left: r, Refused: true, Err: errors.New("403")}
			}
			return nil
		})
		w.Start()
		defer w.Stop(t.Context())
		_ = w.Push(t.Context(), of("acme", "x"))
		for range 4 {
			_ = w.Push(t.Context(), of("acme", "1"))
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		w.want(t, "sent [1 1 1 1], in park 1, parked 5, redriven 4, expired 0, dropped map[]")
		_ = w.Push(t.Context(), of("acme", "2"))
		time.Sleep(time.Minute)
		synctest.Wait()
		w.want(t, "sent [1 1 1 1 2], in park 1, parked 6, redriven 5, expired 0, dropped map[]")
	})
}

// TestARefusedIntakePushesNothingOut: what the other intakes of the tenant have parked stays, although it is older.
func TestARefusedIntakePushesNothingOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var valid atomic.Bool
		valid.Store(true)
		w, _ := refusing(t, &valid)
		w.answers(func(r *intake.Request, _ int) error {
			if r.Family == intake.Logs {
				return &intake.Unsent{Left: r, Refused: true, Err: errors.New("403")}
			}
			return &intake.Unsent{Left: r, Down: true, Wait: 20 * time.Minute, Err: errors.New("503")}
		})
		for range 19 {
			_ = w.Push(t.Context(), spans("s"))
		}
		for range 10 {
			_ = w.Push(t.Context(), of("acme", "1"))
		}
		items, _ := w.Dispatcher.Parked(intake.Traces)
		if logs, _ := w.Dispatcher.Parked(intake.Logs); items != 19 || logs != 1 {
			t.Fatalf("%d spans and %d logs are parked: %s", items, logs, w.figures())
		}
	})
}

// TestAnIntakeThatIsNotEnabledIsShownAtOnce: nobody has to be asked about the key.
func TestAnIntakeThatIsNotEnabledIsShownAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var valid atomic.Bool
		w, lines := refusing(t, &valid)
		w.answers(func(r *intake.Request, _ int) error {
			return &intake.Unsent{Left: r, NotEnabled: true, Wait: 2 * time.Minute, Err: errors.New("403")}
		})
		w.Start()
		defer w.Stop(t.Context())
		since := time.Now()
		for range 10 {
			_ = w.Push(t.Context(), of("acme", "1"))
		}
		time.Sleep(5 * time.Minute) // two probes
		if all := w.RefusedLanes(); len(all) != 1 || all[0].Since != since || lines.FilterMessageSnippet("One intake refuses").Len() != 1 {
			t.Fatalf("shown is %v", all)
		}
		w.want(t, "sent [], in park 5, parked 10, redriven 0, expired 0, dropped map[intake_refused:5]")
		w.answers(nil)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		if all := w.RefusedLanes(); len(all) != 0 || w.arrived() != 5 {
			t.Fatalf("shown is %v, %s", all, w.figures())
		}
	})
}

// TestAKeyThatIsRefusedHoldsTheTenant: that is no intake's refusal, and its data has the whole share.
func TestAKeyThatIsRefusedHoldsTheTenant(t *testing.T) {
	t.Parallel()
	for name, what := range map[string]func(*world, *atomic.Bool){
		"refused":       func(w *world, _ *atomic.Bool) { w.source.Fail("acme", credential.ErrKeyRefused) },
		"replaced":      func(w *world, _ *atomic.Bool) { w.source.Grant("acme", "datadoghq.eu", "key", 5, false) },
		"moved":         func(w *world, _ *atomic.Bool) { w.source.Move("acme", "datadoghq.eu", "key", "another") },
		"not validated": func(_ *world, valid *atomic.Bool) { valid.Store(false) },
	} {
		synctest.Test(t, func(t *testing.T) {
			var valid atomic.Bool
			valid.Store(true)
			w, _ := refusing(t, &valid)
			for range 4 {
				_ = w.Push(t.Context(), of("acme", "1"))
			}
			if len(w.RefusedLanes()) != 1 {
				t.Fatalf("%s: nothing is shown", name)
			}
			what(w, &valid)
			if all := w.RefusedLanes(); len(all) != 0 {
				t.Fatalf("%s: shown is %v", name, all)
			}
		})
	}
}

// TestAnotherKeyEndsARefusalAtOnce, also where it came before anybody saw that there was none.
func TestAnotherKeyEndsARefusalAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := refusing(t, new(atomic.Bool))
		if err := w.Push(t.Context(), of("acme", "1")); err != nil {
			t.Fatal(err)
		}
		w.source.Grant("acme", "datadoghq.eu", "another key", 5, false)
		w.answers(nil)
		w.Start()
		defer w.Stop(t.Context())
		synctest.Wait()
		w.want(t, "sent [1], in park 0, parked 1, redriven 1, expired 0, dropped map[]")
	})
}

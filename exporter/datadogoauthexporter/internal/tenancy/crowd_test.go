package tenancy_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// crowd is a hundred tenants of one site that hang from some moment on, and others that are answered after a while. It has the places of the default.
type crowd struct {
	*world
	hanging atomic.Bool
	mu      sync.Mutex
	began   map[string]time.Time // by body, when it was sent first
}

const (
	hangingTenants = 100
	roundTrip      = 20 * time.Millisecond
)

func newCrowd(t *testing.T) *crowd {
	c := &crowd{began: map[string]time.Time{}}
	c.world = newWorld(t, func(s *tenancy.Settings) {
		s.Workers, s.Park = 256, tenancy.ParkLimits{PerTenantBytes: 1 << 20, TotalBytes: 1 << 26}
	})
	c.answers(func(r *intake.Request, call int) error {
		c.mu.Lock()
		if body := string(r.Body); c.began[body].IsZero() {
			c.began[body] = time.Now()
		}
		c.mu.Unlock()
		if c.hanging.Load() && strings.HasPrefix(r.Tenant, "hangs-") {
			return hang(r, call)
		}
		time.Sleep(roundTrip)
		return nil
	})
	c.Start()
	return c
}

// push sends until the request is parked, refused or delivered, and returns how long it took until it was sent first, if it was.
func (c *crowd) push(ctx context.Context, tenant, body string) (waited time.Duration, sent bool) {
	c.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
	begin := time.Now()
	_ = c.Push(ctx, of(tenant, body))
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.began[body].Sub(begin), !c.began[body].IsZero()
}

// TestTenantsThatHangLeavePlaces has a hundred tenants that hang, each with two requests at a time and more behind them, and the other nine hundred of the
// site go on: each of their requests is sent at once, all the time until the hundred are known to hang, and after it.
func TestTenantsThatHangLeavePlaces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		apart time.Duration // from one that begins to hang to the next
		busy  bool          // each has two requests under way all the time until it hangs
		well  int           // requests of others at a time
	}{
		{name: "at the same moment", well: 50},
		{name: "one after the other", apart: 30 * time.Millisecond, well: 50},
		{name: "in the middle of much data", busy: true, well: 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newCrowd(t)
				ctx, end := context.WithTimeout(t.Context(), 2*hangs+5*time.Second)
				defer end()
				w.hanging.Store(!c.busy)
				var pushes sync.WaitGroup
				for i := range hangingTenants {
					tenant := fmt.Sprint("hangs-", i)
					for k := range 4 {
						pushes.Go(func() {
							time.Sleep(time.Duration(i) * c.apart)
							for n := 0; ctx.Err() == nil; n++ {
								_, sent := w.push(ctx, tenant, fmt.Sprint(tenant, "-", k, "-", n))
								switch {
								case w.hanging.Load() || k >= 2:
									time.Sleep(time.Second)
								case !sent:
									time.Sleep(roundTrip)
								}
							}
						})
					}
				}
				if c.busy {
					time.Sleep(time.Second + roundTrip/2)
					w.hanging.Store(true)
				}
				time.Sleep(roundTrip)
				synctest.Wait()
				var late, most atomic.Int64
				for round := 0; ctx.Err() == nil; round++ {
					for i := range c.well {
						pushes.Go(func() {
							n := round*c.well + i
							waited, sent := w.push(ctx, fmt.Sprint("well-", n%900), fmt.Sprint("w-", n))
							if waited > 0 || !sent {
								late.Add(1)
								most.Store(max(most.Load(), int64(waited)))
							}
						})
					}
					time.Sleep(250 * time.Millisecond)
				}
				pushes.Wait()
				if late.Load() > 0 {
					t.Errorf("%d requests of tenants that are well were not sent at once, but after up to %s", late.Load(), time.Duration(most.Load()))
				}
				w.hanging.Store(false)
				w.Stop(t.Context())
			})
		})
	}
}

// TestTenantsThatHangLeaveAHeavyOneItsPlaces has one that is well with two requests under way all the time, beside a hundred that hang.
func TestTenantsThatHangLeaveAHeavyOneItsPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newCrowd(t)
		w.hanging.Store(true)
		var hung, heavy sync.WaitGroup
		for i := range 4 * hangingTenants {
			hung.Go(func() { w.push(t.Context(), fmt.Sprint("hangs-", i/4), fmt.Sprint("h-", i)) })
		}
		synctest.Wait()
		begin := time.Now()
		const each = 100
		for k := range 2 {
			heavy.Go(func() {
				for n := range each {
					if _, sent := w.push(t.Context(), "heavy", fmt.Sprint("heavy-", k, "-", n)); !sent {
						t.Error("parked")
					}
				}
			})
		}
		heavy.Wait()
		if took, least := time.Since(begin), each*roundTrip; took > least+least/20 {
			t.Errorf("%d requests, two at a time, took %s instead of %s", 2*each, took, least)
		}
		hung.Wait()
		w.hanging.Store(false)
		w.Stop(t.Context())
	})
}

// TestManyHeavyTenantsUseThePlaces: what lanes leave to others costs little where all of them have much, and nothing takes the way through the park.
func TestManyHeavyTenantsUseThePlaces(t *testing.T) {
	t.Parallel()
	for _, tenants := range []int{80, 150} {
		synctest.Test(t, func(t *testing.T) {
			w := newCrowd(t)
			var pushes sync.WaitGroup
			begin := time.Now()
			const each = 50
			for i := range 2 * tenants {
				pushes.Go(func() {
					for n := range each {
						if _, sent := w.push(t.Context(), fmt.Sprint("heavy-", i/2), fmt.Sprint(i, "-", n)); !sent {
							time.Sleep(roundTrip)
						}
					}
				})
			}
			pushes.Wait()
			places := min(160, 2*tenants) // 192 less an eighth of 256
			if took, want := time.Since(begin), time.Duration(2*tenants*each/places)*roundTrip; took > want+want/10 || w.parked > 0 {
				t.Errorf("%d tenants: took %s instead of %s, %d were parked", tenants, took, want, w.parked)
			}
			w.Stop(t.Context())
		})
	}
}

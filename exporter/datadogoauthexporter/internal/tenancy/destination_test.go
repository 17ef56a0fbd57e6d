package tenancy_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// site is one site, with tenants that it answers 500, and others that it serves in 50 ms.
type site struct {
	*world
	t      *testing.T
	mu     sync.Mutex
	pushed map[string]time.Time     // by body; guarded by mu, as everything below
	took   map[string]time.Duration // from Push to the answer
}

// newSite answers those whose names begin with bad after a while.
func newSite(t *testing.T, badAfter time.Duration) *site {
	s := &site{t: t, pushed: map[string]time.Time{}, took: map[string]time.Duration{}}
	s.world = newWorld(t, func(set *tenancy.Settings) {
		set.Workers = 256
		set.Park = tenancy.ParkLimits{PerTenantBytes: 16 << 20, TotalBytes: 64 << 20}
	})
	s.answers(func(r *intake.Request, _ int) error {
		if strings.HasPrefix(r.Tenant, "bad") {
			time.Sleep(badAfter)
			return &intake.Unsent{Left: r, Down: true, Err: errors.New("500")}
		}
		return s.serve(r)
	})
	s.Start()
	return s
}

func (s *site) serve(r *intake.Request) error {
	time.Sleep(50 * time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.took[string(r.Body)] = time.Since(s.pushed[string(r.Body)])
	return nil
}

// push plays the part of exporterhelper's retry as well.
func (s *site) push(tenant string, i int) {
	body := fmt.Sprint(tenant, "-", i)
	if i == 0 {
		s.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
	}
	s.mu.Lock()
	s.pushed[body] = time.Now()
	s.mu.Unlock()
	r := of(tenant, body)
	go func() {
		for err := s.Push(s.t.Context(), r); err != nil; err = s.Push(s.t.Context(), r) {
			if r = r.OnError(err).(*intake.Request); s.t.Context().Err() != nil {
				return
			}
			time.Sleep(5 * time.Second)
		}
	}()
}

// late counts the requests that were served, and those that it took longer than a second.
func (s *site) late() (served, late int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.took {
		if d > time.Second {
			late++
		}
	}
	return len(s.took), late
}

func (s *site) end() {
	s.Cut()
	s.Stop(s.t.Context())
	time.Sleep(time.Minute)
}

// TestTenantsThatAlwaysFailStopNoOther: all of a site but one fail, with an answer or without.
func TestTenantsThatAlwaysFailStopNoOther(t *testing.T) {
	t.Parallel()
	for _, bad := range []int{1, 3, 10} {
		for _, after := range []time.Duration{30 * time.Millisecond, hangs} {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, after)
				defer s.end()
				for i := range 120 {
					for k := range bad {
						s.push(fmt.Sprint("bad-", k), i)
					}
					time.Sleep(500 * time.Millisecond)
					s.push("good", i)
					time.Sleep(500 * time.Millisecond)
				}
				synctest.Wait()
				if served, late := s.late(); served != 120 || late > 0 {
					t.Errorf("%d that fail after %s: %d of 120 served, %d late", bad, after, served, late)
				}
			})
		}
	}
}

// TestWhatIsRareIsNotStopped: those who fail are tried all the time, and the other one has something once an hour.
func TestWhatIsRareIsNotStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 30*time.Millisecond)
		defer s.end()
		for k := range 10 {
			s.push(fmt.Sprint("bad-", k), 0)
		}
		for i := range 3 {
			time.Sleep(50 * time.Minute)
			s.push("good", i)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if served, late := s.late(); served != 3 || late > 0 {
			t.Errorf("%d of 3 served, %d late", served, late)
		}
	})
}

// TestAResetStopsNoOther: once, what is under way on the connection that a hundred tenants share is lost with it.
func TestAResetStopsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, 0)
		defer s.end()
		begin := time.Now()
		s.answers(func(r *intake.Request, _ int) error {
			if at := time.Since(begin); at >= 4950*time.Millisecond && at < 5*time.Second {
				time.Sleep(5*time.Second - at)
				return &intake.Unsent{Left: r, Down: true, Err: errors.New("connection reset by peer")}
			}
			return s.serve(r)
		})
		for i := range 2000 {
			s.push(fmt.Sprint("tenant-", i%100), i/100)
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if served, late := s.late(); served != 2000 || late != 5 {
			t.Errorf("%d of 2000 served, %d late", served, late)
		}
	})
}

// TestAnOutageCostsFewAttempts: nobody is served for ten minutes. A tenant more or less makes no difference.
func TestAnOutageCostsFewAttempts(t *testing.T) {
	t.Parallel()
	for _, tenants := range []int{1, 2, 3, 50, 300} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, 0)
			defer s.end()
			down := func(r *intake.Request, _ int) error {
				return &intake.Unsent{Left: r, Down: true, Err: errors.New("connection refused")}
			}
			sent := 0
			round := func(lasts time.Duration) {
				for k := range tenants {
					s.push(fmt.Sprint("tenant-", k), sent)
					time.Sleep(lasts / time.Duration(tenants))
				}
				sent++
			}
			round(time.Second)
			s.answers(down)
			before := s.attempts()
			for range 3 {
				round(time.Second)
			}
			// A second goes by until it is known: that is an attempt of each tenant. Those of the first are tried again.
			if n := s.attempts() - before; n > tenants+tenants/10+10 {
				t.Errorf("%d tenants: %d attempts in the first seconds", tenants, n)
			}
			before = s.attempts()
			for range 30 {
				round(20 * time.Second)
			}
			if n := s.attempts() - before; n > 100 {
				t.Errorf("%d tenants: %d attempts in ten minutes", tenants, n)
			}
			s.answers(func(r *intake.Request, _ int) error { return s.serve(r) })
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if served, _ := s.late(); served != tenants*sent {
				t.Errorf("%d tenants: %d of %d arrive afterwards", tenants, served, tenants*sent)
			}
		})
	}
}

func (w *world) attempts() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

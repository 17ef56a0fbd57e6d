package tenancy_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// gauge counts what goes on at the same time.
type gauge struct {
	mu        sync.Mutex
	now, most int
}

func (g *gauge) add(n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now += n
	g.most = max(g.most, g.now)
}

func (g *gauge) highest() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.most
}

// TestPlacesBoundWhatIsUnderWay has intakes of four sites that work, are slow, hang and fail, in turn and by chance, and sixty tenants with more data
// than that takes. As many requests as there are places are under way at most, those from the park included. Of exporterhelper's workers no
// more than places and back-off account for is kept for longer than a push may wait for a place, so one of the pool always is free.
func TestPlacesBoundWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	for _, places := range []int{1, 4, 10} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%d places, seed %d", places, seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { boundPlaces(t, places, seed) })
			})
		}
	}
}

func boundPlaces(t *testing.T, places int, seed uint64) {
	const tenants, requests, patience = 60, 3000, 200 * time.Millisecond
	w := newWorld(t, func(s *tenancy.Settings) {
		s.Workers = places
		s.Queue = tenancy.QueueLimits{Share: 0.5, Size: 10_000, Measure: (*intake.Request).BytesSize, Bytes: true}
		s.Park = tenancy.ParkLimits{PerTenantBytes: 1000, TotalBytes: 10_000}
	})
	sites := []string{"datadoghq.eu", "us5.datadoghq.com", "us3.datadoghq.com", "ap1.datadoghq.com"}
	for i := range tenants {
		w.source.Grant(fmt.Sprint("tenant-", i), sites[i%len(sites)], "key", 1, false)
	}
	var underWay gauge
	var mu sync.Mutex
	chance := rand.New(rand.NewPCG(seed, 1)) // guarded by mu
	roll := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return chance.IntN(n)
	}
	w.answers(func(r *intake.Request, call int) error {
		underWay.add(1)
		defer underWay.add(-1)
		switch k := roll(100); {
		case k < 60:
			time.Sleep(time.Duration(1+roll(50)) * time.Millisecond)
			return nil
		case k < 75:
			time.Sleep(time.Second)
			return nil
		case k < 90:
			return &intake.Unsent{Left: r, Down: true, Err: errors.New("503")}
		case k < 95:
			return &intake.Unsent{Left: r, Wait: 3 * time.Second, Err: errors.New("429")}
		default:
			return hang(r, call)
		}
	})
	w.Start()
	defer w.Stop(t.Context())

	began := make(map[int]time.Time) // of the workers that are kept; guarded by mu
	var workers sync.WaitGroup
	refused := 0
	for i := range requests {
		r := at(sites[i%tenants%len(sites)], fmt.Sprint("tenant-", i%tenants), strings.Repeat("x", 100))
		if w.Admit(r) != nil {
			refused++
			continue
		}
		mu.Lock()
		began[i] = time.Now()
		mu.Unlock()
		workers.Go(func() {
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				delete(began, i)
			}()
			for err := w.Push(t.Context(), r); err != nil && !consumererror.IsPermanent(err); err = w.Push(t.Context(), r) {
				r = r.OnError(err).(*intake.Request)
				time.Sleep(5 * time.Second)
			}
		})
		if i%20 == 0 {
			time.Sleep(time.Duration(roll(1500/places+200)) * time.Millisecond)
			mu.Lock()
			kept := 0
			for _, since := range began {
				if time.Since(since) > patience {
					kept++
				}
			}
			mu.Unlock()
			if _, bytes := w.Dispatcher.Parked(); bytes > 2*10_000 {
				t.Errorf("%d bytes are parked", bytes)
			}
			if limit := places + max(min(places/2, 5), 1); kept > limit {
				t.Fatalf("%d workers are kept, %d may be; the pool has %d", kept, limit, tenancy.PoolSize(places))
			}
		}
	}
	workers.Wait()
	if most := underWay.highest(); most != places {
		t.Errorf("%d requests were under way at most, of %d places", most, places)
	}
	w.answers(nil)
	time.Sleep(10 * time.Minute)
	synctest.Wait()
	if items, _ := w.Dispatcher.Parked(); items != 0 || w.arrived()+w.dropped[intake.ReasonParkFull]+refused != requests || refused == 0 || w.arrived() < 50 {
		t.Errorf("%d of %d arrived, %d were refused, %d in the park, dropped %v", w.arrived(), requests, refused, items, w.dropped)
	}
}

// TestAPlaceThatComesSoonIsWaitedFor has more tenants than places at an intake that answers at once: nothing of theirs takes the way through the park.
func TestAPlaceThatComesSoonIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.Park.TotalBytes = 10_000 })
		w.answers(func(*intake.Request, int) error {
			time.Sleep(5 * time.Millisecond)
			return nil
		})
		w.Start()
		defer w.Stop(t.Context())
		p := newPool(t, w, tenancy.PoolSize(10))
		for i := range 100 {
			tenant := fmt.Sprint("tenant-", i)
			w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
			p.queue <- of(tenant, "1")
		}
		begin := time.Now()
		p.stop()
		if took := time.Since(begin); took > 100*time.Millisecond { // 7 places of one site
			t.Errorf("took %s", took)
		}
		if w.arrived() != 100 || w.parked != 0 {
			t.Error(w.figures())
		}
	})
}

// TestAPlaceThatDoesNotComeSoonIsNot has places that hang all: who waited parks after a while, and who comes then at once.
func TestAPlaceThatDoesNotComeSoonIsNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.Park.TotalBytes = 10_000 })
		w.answers(hang)
		for i := range 30 {
			site := []string{"datadoghq.eu", "us5.datadoghq.com"}[i%2]
			tenant := fmt.Sprint("tenant-", i)
			w.source.Grant(tenant, site, "key", 1, false)
			go func() { _ = w.Push(t.Context(), at(site, tenant, "1")) }()
		}
		synctest.Wait()
		w.want(t, "sent [], in park 0, parked 0, redriven 0, expired 0, dropped map[]")
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		w.want(t, "sent [], in park 20, parked 20, redriven 0, expired 0, dropped map[]")
		time.Sleep(time.Second)
		begin := time.Now()
		if err := w.Push(t.Context(), at("datadoghq.eu", "tenant-0", "2")); err != nil || time.Since(begin) > 0 {
			t.Errorf("waited %s: %v", time.Since(begin), err)
		}
		time.Sleep(time.Minute)
	})
}

// TestParkedDataGetsItsPlaces keeps all places busy with what comes fresh: a quarter of them goes to what is parked.
func TestParkedDataGetsItsPlaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.Park.TotalBytes = 100_000 })
		w.answers(func(*intake.Request, int) error {
			time.Sleep(10 * time.Millisecond)
			return nil
		})
		w.Start()
		defer w.Stop(t.Context())
		var pushes sync.WaitGroup
		for i := range 40 {
			tenant := fmt.Sprint("fresh-", i)
			w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
			pushes.Go(func() {
				for range 50 {
					_ = w.Push(t.Context(), of(tenant, "f"))
				}
			})
		}
		synctest.Wait()
		for i := range 20 {
			tenant := fmt.Sprint("parked-", i)
			w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
			w.mustPark(t, of(tenant, "p"))
		}
		time.Sleep(200 * time.Millisecond) // 20 times the places
		w.mu.Lock()
		parked, all := w.redriven, len(w.sent) // what came fresh and found no place soon is parked as well
		w.mu.Unlock()
		if parked < 20 || all-parked < 80 {
			t.Errorf("%d requests from the park were sent, and %d that came fresh", parked, all-parked)
		}
		pushes.Wait()
	})
}

// TestBackOffKeepsNoPlace has as many requests in back-off as may be, and yet all places for others. One of which a part was delivered keeps its place if the queue
// is durable, and the disk full so that it cannot be parked: it would be delivered twice after a crash, as those that are under way.
func TestBackOffKeepsNoPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer  func(*intake.Request, int) error
		durable bool
		want    int
	}{{busy, false, 10}, {half, false, 10}, {half, true, 4}} { // one is kept for hand-overs
		synctest.Test(t, func(t *testing.T) {
			var disk tenancytest.Disk
			w := newWorld(t, func(s *tenancy.Settings) {
				if c.durable {
					stored(&disk)(s)
				}
			})
			disk.DieAt(1, false)
			push := func(site string, i int) (*intake.Request, error) {
				tenant := fmt.Sprint(site, i)
				w.source.Grant(tenant, site, "key", 1, false)
				r := at(site, tenant, "1", "2")
				return r, w.Push(t.Context(), r)
			}
			for i := range 5 {
				w.answers(c.answer)
				r, err := push("us3.datadoghq.com", i)
				if err == nil {
					t.Fatal("parked")
				}
				if c.durable {
					w.answers(busy)
					if w.Push(t.Context(), r.OnError(err).(*intake.Request)) == nil {
						t.Fatal("parked")
					}
				}
			}
			var underWay gauge
			w.answers(func(r *intake.Request, call int) error {
				underWay.add(1)
				return hang(r, call)
			})
			for i := range 20 {
				go func() { _, _ = push([]string{"datadoghq.eu", "us5.datadoghq.com"}[i%2], i) }()
			}
			time.Sleep(time.Second)
			synctest.Wait()
			if got := underWay.highest(); got != c.want {
				t.Errorf("%d are under way, want %d", got, c.want)
			}
			time.Sleep(time.Minute)
		})
	}
}

// TestALaneThatDoesNotAnswerGetsNoMore parks what comes after a request that has had no answer for a while, long before that times out. One in
// back-off is none.
func TestALaneThatDoesNotAnswerGetsNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.MaxSends = 3 })
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.answers(func(r *intake.Request, call int) error {
			switch call {
			case 1:
				return &intake.Unsent{Left: r, Err: errors.New("503")}
			case 3:
				return hang(r, call)
			}
			return nil
		})
		if err := w.Push(t.Context(), of("acme", "1")); err == nil {
			t.Fatal("not in back-off")
		}
		time.Sleep(5 * time.Second)
		if err := w.Push(t.Context(), of("acme", "2")); err != nil {
			t.Fatal(err)
		}
		w.want(t, "sent [2], in park 0, parked 0, redriven 0, expired 0, dropped map[]")
		go func() { _ = w.Push(t.Context(), of("acme", "3")) }()
		time.Sleep(time.Second)
		if err := w.Push(t.Context(), of("acme", "4")); err != nil {
			t.Fatal(err)
		}
		w.want(t, "sent [2 4], in park 0, parked 0, redriven 0, expired 0, dropped map[]")
		time.Sleep(3 * time.Second)
		if err := w.Push(t.Context(), of("acme", "5")); err != nil {
			t.Fatal(err)
		}
		w.want(t, "sent [2 4], in park 1, parked 1, redriven 0, expired 0, dropped map[]")
		time.Sleep(hangs)
	})
}

// TestLanesThatFailedLeaveAQuarter lets tenants time out once, whose lanes are not open yet, and then send more than there are places.
func TestLanesThatFailedLeaveAQuarter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(s *tenancy.Settings) { s.Park.TotalBytes, s.Park.PerTenantBytes, s.MaxSends = 10_000, 1000, 4 })
		sites := []string{"datadoghq.eu", "us5.datadoghq.com"} // one has three quarters of the places at most
		push := func(i int, tenant string) {
			w.source.Grant(tenant, sites[i%2], "key", 1, false)
			_ = w.Push(t.Context(), at(sites[i%2], tenant, "1"))
		}
		w.answers(func(r *intake.Request, call int) error {
			if !strings.HasPrefix(r.Tenant, "hangs") {
				return nil
			}
			_ = hang(r, call)
			return &intake.Unsent{Left: r, Err: context.DeadlineExceeded} // of the tenant, not of its site
		})
		for i := range 10 {
			go push(i, fmt.Sprint("hangs-", i))
		}
		time.Sleep(hangs + time.Second)
		for i := range 2 {
			push(i, "well-"+sites[i%2])
		}
		before := w.arrived()
		for i := range 20 {
			go push(i, fmt.Sprint("hangs-", i%10))
		}
		time.Sleep(time.Second)
		for i := range 2 {
			push(i, "well-"+sites[i%2])
		}
		if got := w.arrived() - before; got != 2 {
			t.Errorf("%d of 2 requests of tenants that are well were sent", got)
		}
		time.Sleep(hangs)
	})
}

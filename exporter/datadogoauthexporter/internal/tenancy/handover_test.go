package tenancy_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// durable is a dispatcher whose queue is a durable one that deletes when the test says so.
type durable struct {
	*world
	disk   tenancytest.Disk
	pushes sync.WaitGroup
	mu     sync.Mutex // guards everything below
	number uint64
	gone   []uint64 // pushed without an error, not deleted yet
	kept   int      // pushed with a retryable one
}

const workers = 6

func newDurable(t *testing.T) *durable {
	d := &durable{}
	d.world = newWorld(t, func(s *tenancy.Settings) {
		stored(&d.disk)(s)
		s.Workers = workers
	})
	return d
}

// hold adds tenants that are held, and pushes a request of each.
func (d *durable) hold(t *testing.T, n int) {
	for i := range n {
		name := fmt.Sprint("held-", i)
		d.source.Grant(name, "us3.datadoghq.com", "key", 1, false)
		d.source.Fail(name, credential.ErrPaused)
		d.push(t, at("us3.datadoghq.com", name, "h"))
	}
}

func (d *durable) push(t *testing.T, r *intake.Request) {
	d.mu.Lock()
	d.number++
	number := d.number
	d.mu.Unlock()
	r.Stored = []uint64{number}
	d.pushes.Go(func() {
		err := d.Push(t.Context(), r)
		d.mu.Lock()
		defer d.mu.Unlock()
		switch {
		case err == nil:
			d.gone = append(d.gone, number)
		case consumererror.IsPermanent(err):
			t.Error(err)
		default:
			d.kept++
		}
	})
}

// undeleted is how many requests are parked or sent and still in the queue.
func (d *durable) undeleted() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.gone)
}

// delete is the queue's part.
func (d *durable) delete() {
	d.mu.Lock()
	gone := d.gone
	d.gone = nil
	d.mu.Unlock()
	for _, number := range gone {
		d.Deleted(number)
	}
}

// TestWhatIsHandedOverKeepsAPlace until the queue has deleted it, for a crash before that makes it be sent twice: half of the places may be taken for that.
func TestWhatIsHandedOverKeepsAPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDurable(t)
		const held = 20
		d.hold(t, held)
		for left := held; left > 0; left -= workers / 2 {
			synctest.Wait()
			if n := d.undeleted(); n != min(left, workers/2) {
				t.Fatalf("%d requests are parked and in the queue, %d left", n, left)
			}
			d.delete()
		}
		d.pushes.Wait()
		d.want(t, "sent [], in park 20, parked 20, redriven 0, expired 0, dropped map[]")
		d.Stop(t.Context())
	})
}

// TestSendsLeaveOnePlaceToHandOvers has two sites that hang and have tenants for more places than there are.
func TestSendsLeaveOnePlaceToHandOvers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDurable(t)
		d.answers(hang)
		for i := range 2 * workers {
			site := []string{"datadoghq.eu", "us5.datadoghq.com"}[i%2]
			name := fmt.Sprint("hangs-", i)
			d.source.Grant(name, site, "key", 1, false)
			d.push(t, at(site, name, "x"))
		}
		synctest.Wait()
		time.Sleep(time.Second)
		if d.calls != workers-1 {
			t.Errorf("%d requests are under way, %d places", d.calls, workers)
		}
		parked := 0
		for d.hold(t, 10); ; parked++ {
			synctest.Wait()
			if n := d.undeleted(); n == 0 {
				break
			} else if n != 1 {
				t.Fatalf("%d requests are parked and in the queue, with %d under way", n, d.calls)
			}
			d.delete()
		}
		if want := 10 + workers + 1; parked != want { // those that found no place, too
			t.Errorf("%d requests were parked, want %d", parked, want)
		}
		d.answers(nil)
		time.Sleep(2 * hangs)
		d.delete()
		d.pushes.Wait()
		d.Stop(t.Context())
	})
}

// TestWhatWaitsToBeHandedOverStaysInTheQueueAtTheEnd of the time for a stop.
func TestWhatWaitsToBeHandedOverStaysInTheQueueAtTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDurable(t)
		d.hold(t, 10)
		synctest.Wait()
		d.Stop(t.Context())
		d.Cut()
		d.pushes.Wait()
		if d.undeleted() != workers/2 || d.kept != 10-workers/2 {
			t.Errorf("%d parked, %d kept in the queue", d.undeleted(), d.kept)
		}
	})
}

// TestADiskThatFailsTakesNoPlace: what could not be handed over is in back-off and has none.
func TestADiskThatFailsTakesNoPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDurable(t)
		d.disk.DieAt(1, false)
		d.hold(t, 10)
		d.pushes.Wait()
		if d.kept != 10 {
			t.Errorf("%d of 10 stay in the queue", d.kept)
		}
		d.source.Grant("well", "datadoghq.eu", "key", 1, false)
		d.push(t, at("datadoghq.eu", "well", "w"))
		d.pushes.Wait()
		d.delete()
		d.disk.DieAt(0, false)
		d.hold(t, 10)
		synctest.Wait()
		if n := d.undeleted(); n != workers/2 {
			t.Errorf("%d requests are parked and in the queue", n)
		}
		d.Cut()
		d.pushes.Wait()
		d.Stop(t.Context())
	})
}

// TestWhatIsLeftOfARequestKeepsItsPlace while it is handed over, also if that fails: the queue has all of it.
func TestWhatIsLeftOfARequestKeepsItsPlace(t *testing.T) {
	t.Parallel()
	for _, fails := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			d := newDurable(t)
			d.answers(half)
			if fails {
				d.disk.DieAt(1, false)
			}
			for i := range 2 * workers {
				name, site := fmt.Sprint("half-", i), []string{"datadoghq.eu", "us5.datadoghq.com"}[i%2]
				d.source.Grant(name, site, "key", 1, false)
				d.push(t, at(site, name, "1", "2"))
			}
			synctest.Wait()
			time.Sleep(time.Second)
			if d.calls > workers-1 {
				t.Errorf("fails %t: of %d requests a part is sent and all in the queue, %d places", fails, d.calls, workers)
			}
			if n := d.undeleted(); fails && n != 0 || !fails && n != workers {
				t.Errorf("fails %t: %d requests are parked and in the queue", fails, n)
			}
			d.Cut()
			d.pushes.Wait()
			d.Stop(t.Context())
		})
	}
}

package tenancy_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

func halfOf(size int) func(*tenancy.Settings) {
	return func(s *tenancy.Settings) {
		s.Queue = tenancy.QueueLimits{Share: 0.5, Size: size, Measure: (*intake.Request).BytesSize, Bytes: true}
	}
}

func sized(tenant string, bytes int) *intake.Request { return of(tenant, strings.Repeat("x", bytes)) }

// fill admits requests of a size until one is refused.
func fill(t *testing.T, w *world, tenant string, bytes int) (held int) {
	t.Helper()
	for {
		switch err := w.Admit(sized(tenant, bytes)); {
		case err == nil:
			held += bytes
		case errors.Is(err, tenancy.ErrQueueShare):
			return held
		default:
			t.Fatal(err)
		}
	}
}

// TestAShareIsOfWhatTheOthersLeave: alone a tenant has half of the queue, and each that comes has half of what is left.
func TestAShareIsOfWhatTheOthersLeave(t *testing.T) {
	t.Parallel()
	w := newWorld(t, halfOf(1600))
	for i, want := range []int{800, 400, 200, 100} {
		if held := fill(t, w, fmt.Sprint("tenant-", i), 10); held != want {
			t.Errorf("tenant %d holds %d, want %d", i, held, want)
		}
	}
	if err := w.Admit(sized("another", 100)); err != nil {
		t.Errorf("the first request of another tenant: %v", err)
	}
	w.Withdraw(sized("another", 100))
	if err := w.Admit(sized("tenant-0", 1)); !errors.Is(err, tenancy.ErrQueueShare) || !strings.Contains(err.Error(), "tenant-0") {
		t.Errorf("of the one with most: %v", err)
	}
	for range 25 { // it gives a quarter of the queue back
		w.Withdraw(sized("tenant-0", 16))
	}
	if held := fill(t, w, "tenant-3", 10); held != 200 { // half of 1600-400-400-200 is 300, of which it has 100
		t.Errorf("%d more for the last", held)
	}
}

// TestACallIsAdmittedAsAWhole takes nothing of one that does not fit, but one that is larger than a share if the tenant has nothing.
func TestACallIsAdmittedAsAWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, halfOf(1000))
	if err := w.Admit(sized("acme", 300), sized("acme", 300)); err != nil {
		t.Fatal(err)
	}
	w.Withdraw(sized("acme", 300))
	if err := w.Admit(sized("acme", 100), sized("acme", 101)); !errors.Is(err, tenancy.ErrQueueShare) {
		t.Fatal(err)
	}
	if err := w.Admit(sized("acme", 100), sized("acme", 100)); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsSettledIsGivenBack counts a request until it is delivered, parked or lost, and not while it is in back-off. What Admit does not know of, since
// an earlier process put it into the queue, makes no share negative.
func TestWhatIsSettledIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, halfOf(1000))
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		holds := func(want int) {
			t.Helper()
			rest := fill(t, w, "acme", 1)
			for range rest {
				w.Withdraw(sized("acme", 1))
			}
			if 500-rest != want {
				t.Errorf("acme holds %d, want %d", 500-rest, want)
			}
		}
		push := func(r *intake.Request) error { return w.Push(t.Context(), r) }
		if err := push(sized("acme", 100)); err != nil { // restored
			t.Fatal(err)
		}
		holds(0)

		whole, other := sized("acme", 60), sized("acme", 40)
		_ = w.Admit(whole)
		_ = w.Admit(other)
		holds(100)
		merged, err := whole.MergeSplit(t.Context(), 0, exporterhelper.RequestSizerTypeBytes, other)
		if err != nil {
			t.Fatal(err)
		}
		w.answers(func(r *intake.Request, call int) error {
			if len(r.Items) == 2 {
				return half(r, call)
			}
			return nil
		})
		err = push(merged[0].(*intake.Request))
		holds(100) // in back-off
		if err = push(merged[0].(*intake.Request).OnError(err).(*intake.Request)); err != nil {
			t.Fatal(err)
		}
		holds(0)

		_ = w.Admit(sized("acme", 70))
		w.source.Fail("acme", credential.ErrPaused)
		if err := push(sized("acme", 70)); err != nil { // parked
			t.Fatal(err)
		}
		holds(0)
		_ = w.Admit(sized("acme", 80))
		w.source.Fail("acme", credential.ErrDisconnected)
		if err := push(sized("acme", 80)); err == nil { // lost
			t.Fatal("not lost")
		}
		holds(0)
	})
}

// TestAParkAboveItsLimitCountsAsQueue has data of a slow tenant that was in the queue and is parked above all limits.
func TestAParkAboveItsLimitCountsAsQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *tenancy.Settings) {
		halfOf(1000)(s)
		s.Park = tenancy.ParkLimits{PerTenantBytes: 100, TotalBytes: 1000}
	})
	w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
	for range 4 {
		w.mustPark(t, sized("acme", 84)) // 100 each
	}
	series := func(bytes int) *intake.Request { // goes to an intake that is not busy
		r := sized("acme", bytes)
		r.Family = intake.Series
		return r
	}
	if err := w.Admit(series(201)); !errors.Is(err, tenancy.ErrQueueShare) {
		t.Errorf("300 above the limit, and 201: %v", err)
	}
	if err := w.Admit(series(200)); err != nil {
		t.Errorf("300 above the limit, and 200: %v", err)
	}
	if err := w.Admit(sized("acme", 1)); !errors.Is(err, tenancy.ErrTooFast) {
		t.Errorf("what waits already: %v", err)
	}
	for i := range 13 {
		w.mustPark(t, sized(fmt.Sprint("tenant-", i), 84))
	}
	if err := w.Admit(sized("another", 100)); err != nil { // 700 above the limit, 200 in the queue
		t.Error(err)
	}
	if err := w.Admit(sized("yet another", 1)); !errors.Is(err, tenancy.ErrFull) {
		t.Error(err)
	}
}

// TestRequestsThatAreNotReadAreBounded: however small they are, no more than half of so many of one tenant are in front of the others'.
func TestRequestsThatAreNotReadAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(s *tenancy.Settings) {
		halfOf(1 << 20)(s)
		s.Queue.Unread = 20
	})
	if held := fill(t, w, "acme", 1); held != 10 {
		t.Errorf("%d requests, want 10", held)
	}
	if held := fill(t, w, "globex", 1); held != 5 {
		t.Errorf("%d requests, want 5", held)
	}
	for range 30 {
		w.Read(sized("acme", 1)) // more than there are: some were there before
	}
	if held := fill(t, w, "acme", 1); held != 7 { // half of what globex leaves
		t.Errorf("%d requests, want 7", held)
	}
}

// TestSharesNeverStarveTheFirst plays at random: whatever the others hold, the first request of a tenant is admitted, no tenant has more than its share
// of what the others left when it came, and when all is settled nobody holds anything.
func TestSharesNeverStarveTheFirst(t *testing.T) {
	t.Parallel()
	const size, tenants = 100_000, 20
	for seed := range uint64(5) {
		w := newWorld(t, halfOf(size))
		chance := rand.New(rand.NewPCG(seed, 2))
		var held [tenants][]*intake.Request
		sums, total := [tenants]int{}, 0
		for range 5000 {
			i := chance.IntN(tenants)
			if n := len(held[i]); n > 0 && chance.IntN(2) == 0 {
				r := held[i][n-1]
				held[i] = held[i][:n-1]
				w.Withdraw(r)
				sums[i], total = sums[i]-r.BytesSize(), total-r.BytesSize()
				continue
			}
			r := sized(fmt.Sprint("tenant-", i), 1+chance.IntN(size/50))
			err, may := w.Admit(r), float64(sums[i]+r.BytesSize()) <= 0.5*float64(size-total+sums[i])
			if (err == nil) != (may || sums[i] == 0) {
				t.Fatalf("seed %d: has %d of %d, wants %d: %v", seed, sums[i], total, r.BytesSize(), err)
			}
			if err == nil {
				held[i] = append(held[i], r)
				sums[i], total = sums[i]+r.BytesSize(), total+r.BytesSize()
			}
		}
		for _, of := range held {
			w.Withdraw(of...)
		}
		if held := fill(t, w, "another", 1000); held != size/2 {
			t.Fatalf("seed %d: %d are free at the end", seed, held)
		}
	}
}

// TestAdmitAllocatesNothingOfItsOwn compares with the key of the lane, which the look-up of the lane costs.
func TestAdmitAllocatesNothingOfItsOwn(t *testing.T) {
	w := newWorld(t, halfOf(1000))
	r := sized("acme", 100)
	key := testing.AllocsPerRun(100, func() { _ = r.Key() })
	if got := testing.AllocsPerRun(100, func() {
		_ = w.Admit(r)
		w.Withdraw(r)
	}); got > key {
		t.Errorf("%v allocations, the key has %v", got, key)
	}
}

func BenchmarkAdmit(b *testing.B) {
	w := newWorld(b, halfOf(1000))
	r := sized("acme", 100)
	b.ReportAllocs()
	for b.Loop() {
		_ = w.Admit(r)
		w.Withdraw(r)
	}
}

// BenchmarkPushNothing measures what the dispatcher costs a request that is delivered at once.
func BenchmarkPushNothing(b *testing.B) {
	w := newWorld(b, halfOf(1000))
	w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
	b.ReportAllocs()
	for b.Loop() {
		r := of("acme", "1")
		if err := w.Push(b.Context(), r); err != nil {
			b.Fatal(err)
		}
		w.sent = w.sent[:0]
	}
}

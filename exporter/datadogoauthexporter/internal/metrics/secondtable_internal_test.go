package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// roomFor lets a table grow to so many slots.
func roomFor(most int) func(int) bool { return func(slots int) bool { return slots <= most } }

func TestSecondTable(t *testing.T) {
	t.Parallel()
	var table secondTable
	const id, now = 77, 1_800_000_000
	claim := func(second uint32, free bool) {
		t.Helper()
		if got := table.claim(id, second, 1, math.MaxUint32, roomFor(64)); got != free {
			t.Errorf("second %d is free: %v, want %v", second-now, got, free)
		}
	}
	claim(now, true)
	claim(now, false)
	claim(now-31, true)
	claim(now-31, false)
	claim(now-32, true) // too long ago to know
	claim(now-32, true)
	claim(now+40, true)
	claim(now+9, true) // as far back as is known
	claim(now+9, false)
	claim(now, true)
	if later, ok := table.claimLater(id, now+40, 1); !ok || later != now+41 {
		t.Errorf("moved to %d, %v", later-now, ok)
	}
	claim(now+41, false)
	table.release(id, now+40)
	claim(now+40, true)
	table.release(id, now+100) // what nobody has
	table.release(id+2, now)
	claim(now+100, true)
}

// A series that exports less often than others is not forgotten for them within a minute.
func TestSecondTableGrowsRatherThanForget(t *testing.T) {
	t.Parallel()
	var table secondTable
	r := rand.New(rand.NewPCG(1, 2))
	ids := make([]uint64, 5000)
	for i := range ids {
		ids[i] = r.Uint64() | 1
		if !table.claim(ids[i], 1000, 1, math.MaxUint32, roomFor(1<<20)) {
			t.Fatal("a first second is taken")
		}
	}
	for i := range ids {
		if table.claim(ids[i], 1000, 1, math.MaxUint32, roomFor(1<<20)) {
			t.Fatalf("series %d was forgotten by a table of %d slots", i, len(table.slots))
		}
	}
	if n := len(table.slots); n > 8*len(ids) {
		t.Errorf("%d slots for %d series", n, len(ids))
	}
}

func TestSecondTableIsBounded(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, most := range []int{0, firstSlots, 1024} {
		var table secondTable
		for i := range 20_000 {
			table.claim(r.Uint64()|1, uint32(1000+i%3), 1, math.MaxUint32, roomFor(most))
		}
		if len(table.slots) > most {
			t.Errorf("%d slots, want %d at most", len(table.slots), most)
		}
	}
	var idle secondTable // series of which one second came each
	for i := range 20_000 {
		idle.claim(r.Uint64()|1, uint32(1000+100*i), 1, math.MaxUint32, roomFor(1<<20))
	}
	if n := len(idle.slots); n > firstSlots {
		t.Errorf("%d slots for series that are over", n)
	}
}

// countSeries maps one delta point of each of n series.
func countSeries(m *Mapper, tenant string, at time.Time, n int) {
	rm := pmetric.NewResourceMetrics()
	sum := rm.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	sum.SetName("c")
	sum.SetEmptySum().SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	for i := range n {
		p := sum.Sum().DataPoints().AppendEmpty()
		p.SetTimestamp(pcommon.NewTimestampFromTime(at))
		p.Attributes().PutInt("i", int64(i))
	}
	tx := m.Begin(tenant)
	tx.Map(rm, &intake.Payload{}, &intake.Payload{}, &intake.Drops{})
	tx.Commit()
}

func TestSecondsOfTenantsAreBoundedAndForgotten(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	o := DefaultOptions()
	o.Now = func() time.Time { return now }
	o.MaxSeriesPerTenant, o.MaxSeries = 1000, 5000
	m := New(o)
	held := func() (n int64) {
		for tenant, table := range m.state.tables {
			slots := int64(len(table.seconds.table.slots))
			if slots > 2*int64(o.MaxSeriesPerTenant) {
				t.Errorf("%s has %d slots", tenant, slots)
			}
			n += slots
		}
		if n != m.state.slots.Load() || n > 2*int64(o.MaxSeries) {
			t.Errorf("%d slots are held, %d are counted", n, m.state.slots.Load())
		}
		return n
	}
	for i := range 30 {
		countSeries(m, fmt.Sprint("tenant-", i), now, 3000)
	}
	if n := held(); n < int64(o.MaxSeries) {
		t.Errorf("only %d slots are held", n)
	}
	now = now.Add(2 * time.Hour)
	countSeries(m, "last", now, 1)
	if n := held(); n > 2*firstSlots || len(m.state.tables) != 1 {
		t.Errorf("%d slots are held for %d tenants", n, len(m.state.tables))
	}
}

// TestAPointAheadOfTheClockCostsNoOther: not those of its series, whatever the clock was when it came.
func TestAPointAheadOfTheClockCostsNoOther(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int64{0, 20, 30, 31, 60, 600, 3600, 1 << 30} {
		for _, putBack := range []bool{false, true} { // the clock was right for the first point, and is put back
			now := time.Unix(1_800_000_000, 0)
			o := DefaultOptions()
			o.Now = func() time.Time { return now }
			m := New(o)
			begin := now
			if putBack {
				now = now.Add(time.Duration(ahead) * time.Second)
			}
			countSeries(m, "acme", begin.Add(time.Duration(ahead)*time.Second), 1)
			now = begin.Add(100 * time.Second)
			before := m.Stats().Seconds
			for range 100 {
				for range 2 {
					countSeries(m, "acme", now, 1)
				}
				now = now.Add(time.Second)
			}
			after := m.Stats().Seconds
			if seen := after.Moved + after.Repeated + after.Lost - before.Moved - before.Repeated - before.Lost; seen < 100 {
				t.Errorf("one point %d s ahead, clock put back %v: %d of 100 later collisions are seen", ahead, putBack, seen)
			}
		}
	}
}

package metrics_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// sender is one SDK: it exports a counter and a histogram, both of which grow, as one scope of one resource.
type sender struct {
	start, ts, interval int64 // ns
	value               uint64
	counted             uint64 // value at the last export that a collector took
}

// export is the next export.
func (s *sender) export(growth uint64) pmetric.Metrics {
	s.ts += s.interval
	s.value += growth
	md := pmetric.NewMetrics()
	ms := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	c := ms.AppendEmpty()
	c.SetName("c")
	c.SetEmptySum().SetIsMonotonic(true)
	c.Sum().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	n := c.Sum().DataPoints().AppendEmpty()
	n.SetStartTimestamp(pcommon.Timestamp(s.start))
	n.SetTimestamp(pcommon.Timestamp(s.ts))
	n.SetIntValue(int64(s.value))
	h := ms.AppendEmpty()
	h.SetName("h")
	h.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := h.Histogram().DataPoints().AppendEmpty()
	p.SetStartTimestamp(pcommon.Timestamp(s.start))
	p.SetTimestamp(pcommon.Timestamp(s.ts - 20_000)) // SDKs ask the clock for each instrument
	p.SetCount(s.value)
	p.SetSum(float64(3 * s.value))
	p.ExplicitBounds().FromRaw([]float64{1, 2})
	p.BucketCounts().FromRaw([]uint64{0, s.value, 0})
	return md
}

// balanced are collectors behind a balancer, and what they sent in all.
type balanced struct {
	t       *testing.T
	o       metrics.Options
	all     map[string]*metrics.Mapper
	counter float64
	histo   observed
	lost    [2]uint64 // by baselines of the counter, and of the histogram
}

// newBalanced starts collectors long before any series.
func newBalanced(t *testing.T, shared bool, names ...string) *balanced {
	b := &balanced{t: t, o: histogramOptions(), all: map[string]*metrics.Mapper{}}
	b.o.Shared = shared
	b.o.ProcessStart = time.Unix(1, 0)
	for _, name := range names {
		b.all[name] = metrics.New(b.o)
	}
	return b
}

func (b *balanced) to(name string, s *sender, growth uint64) {
	b.t.Helper()
	m := mapAndCommit(b.t, b.all[name], "t", s.export(growth))
	sawCounter, sawHistogram := false, false
	for _, out := range m.Series {
		if out.Metric == "c" {
			b.counter += out.Value
			sawCounter = true
		}
		sawHistogram = sawHistogram || out.Metric == "h.count"
	}
	if sawHistogram {
		rest := mapped{Sketches: m.Sketches}
		for _, out := range m.Series {
			if out.Metric != "c" {
				rest.Series = append(rest.Series, out)
			}
		}
		o := observedIn(rest)
		b.histo.count, b.histo.sum, b.histo.bins = b.histo.count+o.count, b.histo.sum+o.sum, b.histo.bins+o.bins
	}
	for i, saw := range []bool{sawCounter, sawHistogram} {
		if !saw {
			b.lost[i] += s.value - s.counted
		}
	}
	if want := len(m.Series) + len(m.Sketches); want < 4 && m.Dropped["baseline"] == 0 {
		b.t.Fatalf("%d items were sent and no baseline was counted: %v", want, m.Dropped)
	}
	s.counted = s.value
}

// check compares what was sent with the truth: nothing twice, and only the growth up to baselines is missing.
func (b *balanced) check(value uint64) {
	b.t.Helper()
	if got, want := b.counter, float64(value-b.lost[0]); got != want {
		b.t.Errorf("the counter came to %v, want %v: %d less %d up to baselines", got, want, value, b.lost[0])
	}
	n := float64(value - b.lost[1])
	if want := (observed{n, 3 * n, n}); b.histo != want {
		b.t.Errorf("the histogram came to %+v, want %+v: %d less %d up to baselines", b.histo, want, value, b.lost[1])
	}
}

// The three ways in which a collector gets a series that another one has counted. Each begins with a series that is younger than all collectors.
var rebalances = []struct {
	name string
	run  func(*balanced, *sender)
}{
	{"a series comes from another collector", func(b *balanced, s *sender) {
		b.times(5, "a", s)
		b.times(5, "b", s)
	}},
	{"a series comes back", func(b *balanced, s *sender) {
		b.times(5, "a", s)
		b.times(5, "b", s)
		b.times(5, "a", s)
	}},
	{"a state is restored that is older than what another collector counted", func(b *balanced, s *sender) {
		b.times(5, "a", s)
		saved := save(b.t, b.all["a"])
		b.times(5, "b", s)
		b.all["a"] = restart(b.t, b.o, saved)
		b.times(5, "a", s)
	}},
}

func (b *balanced) times(n int, name string, s *sender) {
	for range n {
		b.to(name, s, 10)
	}
}

func newSender() *sender { return &sender{start: 1000e9, ts: 1000e9, interval: 10e9} }

func TestARebalanceCountsNothingTwice(t *testing.T) {
	t.Parallel()
	for _, c := range rebalances {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, s := newBalanced(t, true, "a", "b"), newSender()
			c.run(b, s)
			b.check(s.value)
			if least := float64(s.value) - 7*10; b.counter < least { // two exports where a collector does not know the sender, one where it does
				t.Errorf("only %v were counted of %d", b.counter, s.value)
			}
		})
	}
}

// A collector that is told nothing of others counts as Datadog's translator does.
func TestALoneCollectorKnowsOfNoOthers(t *testing.T) {
	t.Parallel()
	for _, c := range rebalances {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, s := newBalanced(t, false, "a", "b"), newSender()
			c.run(b, s)
			if b.counter <= float64(s.value) {
				t.Errorf("%v were counted of %d: then why is there an option", b.counter, s.value)
			}
		})
	}
}

// A balancer that moves a sender when it likes, collectors that stop, crash and come back, exports that get lost or come early.
func TestNoRebalanceCountsTwice(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 5))
		b := newBalanced(t, true, "a", "b", "c")
		names := []string{"a", "b", "c"}
		s := newSender()
		s.interval = []int64{1e9, 10e9, 60e9}[r.IntN(3)]
		for range 30 {
			name := names[r.IntN(3)]
			saved := save(t, b.all[name])
			for range 2 + r.IntN(12) {
				even := s.interval
				switch r.IntN(12) {
				case 0:
					s.export(uint64(r.IntN(9))) // nobody takes it
				case 1:
					s.interval = even - even/3
				default:
					s.interval = even + r.Int64N(even/10)
				}
				b.to(name, s, uint64(1+r.IntN(9)))
				s.interval = even
			}
			switch r.IntN(5) {
			case 0: // an orderly stop
				b.all[name] = restart(t, b.o, save(t, b.all[name]))
			case 1: // a crash
				b.all[name] = metrics.New(b.o)
			case 2: // a disk that was put back
				b.all[name] = restart(t, b.o, saved)
			}
		}
		b.check(s.value)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func TestAStayWithoutGapsLosesNothing(t *testing.T) {
	t.Parallel()
	b, s := newBalanced(t, true, "a"), newSender()
	b.times(100, "a", s)
	if b.check(s.value); b.lost != [2]uint64{20, 20} {
		t.Errorf("%v were lost, want the first two exports", b.lost)
	}
	b.all["a"] = restart(t, b.o, save(t, b.all["a"]))
	b.times(100, "a", s)
	s.interval = 4e9 // flushed once
	b.to("a", s, 10)
	s.interval = 10e9
	b.times(100, "a", s)
	if b.check(s.value); b.lost != [2]uint64{20, 20} {
		t.Errorf("%v were lost, want no more than at first", b.lost)
	}
}

// An SDK whose callbacks are slow has points of one export that are seconds apart.
func TestPointsOfOneExportMayBeApart(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.Shared = true
	m := metrics.New(o)
	sent, at := 0.0, int64(1000)
	for i := range int64(80) {
		if at += 10; i >= 40 {
			at += 50 // it became slower
		}
		md := counter("a", 1, at, float64(i))
		counter("b", 1, at+2, float64(i)).ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).
			MoveTo(md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty())
		for _, s := range mapAndCommit(t, m, "t", md).Series {
			sent += s.Value
		}
	}
	if want := 2.0 * (79 - 1 - 4); sent != want {
		t.Errorf("%v were counted of 158, want %v: all but one at first, and until the other interval was believed", sent, want)
	}
}

func TestASenderThatBecomesSlowerIsBelieved(t *testing.T) {
	t.Parallel()
	b, s := newBalanced(t, true, "a"), newSender()
	b.times(10, "a", s)
	s.interval = 60e9
	b.times(20, "a", s)
	if b.check(s.value); b.lost[0] > 60 {
		t.Errorf("%d were lost of %d", b.lost[0], s.value)
	}
}

// A series that began when its sender came here already is sent in full.
func TestASeriesThatBeginsHereIsSentInFull(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.Shared, o.ProcessStart = true, time.Unix(1, 0)
	m := metrics.New(o)
	wantDropped(t, mapAndCommit(t, m, "t", counter("c", 1000, 1010, 7)), "baseline")
	wantDropped(t, mapAndCommit(t, m, "t", counter("young", 1005, 1020, 7)), "baseline")
	wantGrowth(t, mapAndCommit(t, m, "t", counter("younger", 1025, 1030, 7)), 7)
	wantDropped(t, mapAndCommit(t, m, "t", counter("elder", 1000, 1040, 7)), "baseline")
	wantDropped(t, mapAndCommit(t, m, "u", counter("of another tenant", 1045, 1050, 7)), "baseline")
}

// A call that is refused may be sent to another collector.
func TestARefusedExportIsNoPartOfAStay(t *testing.T) {
	t.Parallel()
	b, s := newBalanced(t, true, "a", "b"), newSender()
	b.times(5, "a", s)
	before := *s
	tx := b.all["a"].Begin("t")
	mapAll(t, tx, s.export(10))
	tx.Rollback()
	*s = before
	b.to("b", s, 10)
	b.to("b", s, 10)
	b.to("b", s, 10)
	b.times(5, "a", s)
	b.check(s.value)
}

func TestASenderIsRememberedOnce(t *testing.T) {
	t.Parallel()
	o := testOptions()
	o.Shared = true
	m := metrics.New(o)
	for i := range 10 {
		mapAndCommit(t, m, "t", counter("c", 1, int64(10+10*i), 1, "a", fmt.Sprint(i)))
	}
	if got := m.Stats().Series; got != 11 {
		t.Errorf("%d are remembered, want 10 series and one sender", got)
	}
}

// The OTLP intake gets differences too, by the same memory.
func TestARebalanceCountsNothingTwiceInOTLP(t *testing.T) {
	t.Parallel()
	b, s := newBalanced(t, true, "a", "b"), newSender()
	counted := 0.0
	for _, name := range []string{"a", "b", "a", "b"} {
		for range 5 {
			tx := b.all[name].Begin("t")
			out, _ := asOTLP(t, tx, s.export(10))
			tx.Commit()
			for _, rm := range out.ResourceMetrics().All() {
				for _, m := range rm.ScopeMetrics().At(0).Metrics().All() {
					if m.Type() == pmetric.MetricTypeSum {
						counted += m.Sum().DataPoints().At(0).DoubleValue()
					} else {
						counted += float64(m.Histogram().DataPoints().At(0).Count())
					}
				}
			}
		}
	}
	if want := 2 * float64(s.value-6*10); counted != want {
		t.Errorf("%v were counted, want %v of %d", counted, want, 2*s.value)
	}
}

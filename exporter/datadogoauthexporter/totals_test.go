package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"google.golang.org/protobuf/encoding/protowire"
)

// TestTotalsAreTheTruth sends cumulative counters, histograms and summaries of two tenants on several goroutines. Every first attempt at an
// intake is answered 503, and the queue refuses every third offer. Each total that arrives is what the series grew by, and each accepted
// point is delivered once.
func TestTotalsAreTheTruth(t *testing.T) {
	t.Parallel()
	const writers, steps = 4, 30
	d, h := twoSites(t)
	var mu sync.Mutex
	seen := make(map[string]bool) // bodies, by site
	d.answers(func(r received, _ http.Header) int {
		mu.Lock()
		defer mu.Unlock()
		if seen[r.site+r.body] {
			return http.StatusAccepted
		}
		seen[r.site+r.body] = true
		return http.StatusServiceUnavailable
	})
	cfg := d.config()
	cfg.Metrics.Histograms.SendAggregationMetrics = true
	cfg.Retry.MaxInterval = 50 * time.Millisecond // each of the requests that are parked on a busy machine fails once
	set, tel := settings(t)
	created, err := createMetrics(context.Background(), set, cfg)
	e := run(t, created, err, h).(*metricsExporter)
	next := e.next.consume
	var offers, refused atomic.Int64
	e.next.consume = func(ctx context.Context, data pmetric.Metrics) error {
		if offers.Add(1)%3 == 0 {
			refused.Add(1)
			return exporterhelper.ErrQueueIsFull
		}
		return next(ctx, data)
	}

	begin := time.Now().Add(-30 * time.Minute)
	watched := make(chan int)
	stopWatching := make(chan struct{})
	go func() { // what waits is never less than nothing, whatever moves
		looks := 0
		for ; ; looks++ {
			select {
			case <-stopWatching:
				watched <- looks
				return
			default:
			}
			if a := accounts(t, tel).Of("metrics"); a.Queued < 0 || a.Parking < 0 {
				t.Errorf("less than nothing waits: %s", a)
			}
		}
	}()
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for step := range steps {
				data := cumulatives(w, begin.Add(time.Duration(step)*time.Second), uint64(step), "acme", "globex")
				for err := e.ConsumeMetrics(context.Background(), data); err != nil; err = e.ConsumeMetrics(context.Background(), data) {
					var left consumererror.Metrics
					if !errors.As(err, &left) || consumererror.IsPermanent(err) {
						t.Errorf("got %v", err)
						return
					}
					data = left.Data()
				}
			}
		})
	}
	all.Wait()
	close(stopWatching)
	if looks := <-watched; looks < 1 {
		t.Errorf("the books were read %d times", looks)
	}
	balanced(t, tel, "metrics", nil)

	// A writer's three metrics of a tenant: of each step but the first a counter's growth, and of histogram and summary count and sum; and a sketch.
	want := make(map[string]float64)
	for _, site := range []string{eu, us5} {
		for w := range writers {
			for name, perStep := range map[string]float64{
				"requests": 7, "latency.count": 3, "latency.sum": 4.5, "sizes.count": 2, "sizes.sum": 5, "sketch latency": 3,
			} {
				want[fmt.Sprintf("%s %s.%d", site, name, w)] = perStep * (steps - 1)
			}
		}
	}
	got := make(map[string]float64)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for arrived := 0; arrived < 2*writers*6*(steps-1); {
		select {
		case r := <-d.got:
			arrived += addTotals(t, got, r)
		case <-ctx.Done():
			t.Fatalf("%d of %d points arrived", arrived, 2*writers*6*(steps-1))
		}
	}
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	for len(d.got) > 0 {
		addTotals(t, got, <-d.got)
	}
	for name, total := range want {
		if got[name] != total {
			t.Errorf("%s: %v arrived, the truth is %v", name, got[name], total)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d series arrived, there are %d", len(got), len(want))
	}
	if refused.Load() == 0 || len(seen) == 0 {
		t.Error("nothing was refused")
	}
	points := 2 * writers * 3
	figures(t, tel, fmt.Sprintf("accepted %d delivered %d baseline %d", points*steps, points*(steps-1), points))
}

// cumulatives has one counter, histogram and summary for each tenant, with what a writer has seen by a step.
func cumulatives(writer int, at time.Time, step uint64, tenants ...string) pmetric.Metrics {
	d := pmetric.NewMetrics()
	ts := pcommon.NewTimestampFromTime(at)
	for _, tenant := range tenants {
		rm := d.ResourceMetrics().AppendEmpty()
		mark(rm.Resource().Attributes(), tenant)
		ms := rm.ScopeMetrics().AppendEmpty().Metrics()
		counter := ms.AppendEmpty()
		counter.SetName("requests")
		sum := counter.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		n := sum.DataPoints().AppendEmpty()
		n.SetIntValue(int64(7 * step))
		histogram := ms.AppendEmpty()
		histogram.SetName("latency")
		histogram.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		hp := histogram.Histogram().DataPoints().AppendEmpty()
		hp.ExplicitBounds().FromRaw([]float64{1, 2})
		hp.BucketCounts().FromRaw([]uint64{step, step, step})
		hp.SetCount(3 * step)
		hp.SetSum(4.5 * float64(step))
		summary := ms.AppendEmpty()
		summary.SetName("sizes")
		sp := summary.SetEmptySummary().DataPoints().AppendEmpty()
		sp.SetCount(2 * step)
		sp.SetSum(5 * float64(step))
		for _, p := range []interface {
			SetTimestamp(pcommon.Timestamp)
			Attributes() pcommon.Map
		}{n, hp, sp} {
			p.SetTimestamp(ts)
			p.Attributes().PutInt("writer", int64(writer))
		}
	}
	return d
}

// addTotals adds the values of series and the counts of sketches to totals, by site, name and writer, and returns how many there were.
func addTotals(t *testing.T, totals map[string]float64, r received) (n int) {
	t.Helper()
	fields(t, []byte(r.body), 1, func(element []byte) {
		name, writer, value := "", "", 0.0
		tag, values, in := protowire.Number(3), protowire.Number(4), protowire.Number(1)
		if r.path == "/api/beta/sketches" {
			name, tag, values, in = "sketch ", 4, 7, 2
			fields(t, element, 1, func(text []byte) { name += string(text) })
		} else {
			fields(t, element, 2, func(text []byte) { name = string(text) })
		}
		fields(t, element, tag, func(text []byte) {
			if rest, ok := strings.CutPrefix(string(text), "writer:"); ok {
				writer = rest
			}
		})
		fields(t, element, values, func(point []byte) {
			for len(point) > 0 {
				num, typ, size := protowire.ConsumeTag(point)
				point = point[size:]
				if num == in && typ == protowire.Fixed64Type {
					bits, _ := protowire.ConsumeFixed64(point)
					value = math.Float64frombits(bits)
				} else if num == in {
					count, _ := protowire.ConsumeVarint(point)
					value = float64(count)
				}
				point = point[protowire.ConsumeFieldValue(num, typ, point):]
			}
		})
		totals[r.site+" "+name+"."+writer] += value
		n++
	})
	return n
}

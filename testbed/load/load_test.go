package load_test

import (
	"context"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	colmetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// receive sends one round to a receiver that keeps the bodies by tenant, in no order.
func receive(t *testing.T, l *load.Load, round uint64, refusals int) (map[string][][]byte, load.Sent) {
	t.Helper()
	got := map[string][][]byte{}
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if refusals > 0 {
			refusals--
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		if want := "/v1/" + string(l.Signal); err != nil || r.URL.Path != want || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %s, content type %q: %v", r.Method, r.URL.Path, r.Header.Get("Content-Type"), err)
		}
		tenant := r.Header.Get("x-tenant")
		got[tenant] = append(got[tenant], body)
	}))
	defer server.Close()
	sent, err := l.Send(t.Context(), load.Plan{URL: server.URL, Header: "x-tenant", Rate: 1 << 30, Round: round,
		Tenant: func(i int) string { return string(rune('a' + i)) }})
	if err != nil {
		t.Fatal(err)
	}
	return got, sent
}

func build(t *testing.T, s load.Signal, requests, items int) *load.Load {
	t.Helper()
	l, err := load.Build(load.DefaultMix(), s, requests, items, 1)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func decode[M proto.Message](t *testing.T, body []byte, m M) M {
	t.Helper()
	if err := proto.Unmarshal(body, m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMetricsAreTheMix(t *testing.T) {
	t.Parallel()
	bodies, sent := receive(t, build(t, load.Metrics, 3, 100), 1, 0)
	if sent.Items != 300 || len(bodies) != 3 {
		t.Fatalf("%d items of %d tenants", sent.Items, len(bodies))
	}
	points := map[string]int{}
	rm := decode(t, bodies["b"][0], &colmetrics.ExportMetricsServiceRequest{}).ResourceMetrics[0]
	if n := len(rm.Resource.Attributes); n != 8 {
		t.Errorf("%d resource attributes", n)
	}
	now := uint64(time.Now().UnixNano())
	check := func(kind string, at uint64, attributes int) {
		points[kind]++
		if age := time.Duration(now - at); age < 0 || age > time.Minute || attributes != 4 {
			t.Errorf("%s: %s old, %d attributes", kind, age, attributes)
		}
	}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		for _, p := range m.GetGauge().GetDataPoints() {
			check("gauge", p.TimeUnixNano, len(p.Attributes))
			if v := p.GetAsDouble(); v < 0 || v >= 1000 {
				t.Errorf("gauge of %v", v)
			}
		}
		for _, p := range m.GetSum().GetDataPoints() {
			check("sum", p.TimeUnixNano, len(p.Attributes))
			if m.GetSum().AggregationTemporality != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE || p.GetAsInt() < 2 {
				t.Errorf("sum %s of %d", m.GetSum().AggregationTemporality, p.GetAsInt())
			}
		}
		for _, p := range m.GetHistogram().GetDataPoints() {
			check("histogram", p.TimeUnixNano, len(p.Attributes))
			var count uint64
			for _, n := range p.BucketCounts {
				count += n
			}
			if count != p.Count || count == 0 || len(p.BucketCounts) != len(p.ExplicitBounds)+1 {
				t.Errorf("histogram of %d observations, %d in %d buckets", p.Count, count, len(p.BucketCounts))
			}
		}
		for _, p := range m.GetExponentialHistogram().GetDataPoints() {
			check("exponential", p.TimeUnixNano, len(p.Attributes))
		}
	}
	if want := map[string]int{"gauge": 40, "sum": 30, "histogram": 20, "exponential": 10}; !maps.Equal(points, want) {
		t.Errorf("points are %v, want %v", points, want)
	}
}

func TestCumulativeSeriesGrowFromRoundToRound(t *testing.T) {
	t.Parallel()
	mix := load.DefaultMix()
	mix.Metrics.HistogramTemporality = "cumulative"
	l, err := load.Build(mix, load.Metrics, 1, 100, 1)
	if err != nil {
		t.Fatal(err)
	}
	if l.First != 50 {
		t.Errorf("%d items start a series, want those of sums and histograms, 50", l.First)
	}
	values := func(round uint64) (sum, observations int64, start uint64) {
		bodies, _ := receive(t, l, round, 0)
		for _, m := range decode(t, bodies["a"][0], &colmetrics.ExportMetricsServiceRequest{}).ResourceMetrics[0].ScopeMetrics[0].Metrics {
			for _, p := range m.GetSum().GetDataPoints() {
				sum, start = sum+p.GetAsInt(), p.StartTimeUnixNano
			}
			for _, p := range m.GetHistogram().GetDataPoints() {
				observations += int64(p.Count)
			}
		}
		return sum, observations, start
	}
	sum0, seen0, start0 := values(0)
	sum4, seen4, start4 := values(4)
	if sum0 == 0 || sum4 != 5*sum0 || seen0 == 0 || seen4 != 5*seen0 || start4 != start0 {
		t.Errorf("round 0: %d, %d observations since %d; round 4: %d, %d since %d", sum0, seen0, start0, sum4, seen4, start4)
	}
}

func TestLogsHaveAttributesAndTraceContext(t *testing.T) {
	t.Parallel()
	l := build(t, load.Logs, 1, 50)
	ids := map[string]bool{}
	for round := range uint64(2) {
		bodies, _ := receive(t, l, round, 0)
		records := decode(t, bodies["a"][0], &collogs.ExportLogsServiceRequest{}).ResourceLogs[0].ScopeLogs[0].LogRecords
		for _, r := range records {
			ids[string(r.TraceId)] = true
			if len(r.Attributes) != 5 || len(r.TraceId) != 16 || len(r.SpanId) != 8 || r.Body.GetStringValue() == "" {
				t.Errorf("record %v", r)
			}
		}
	}
	if len(ids) != 100 {
		t.Errorf("%d trace ids in 100 records of two rounds", len(ids))
	}
}

func TestSevenOfEightSpansAreQueries(t *testing.T) {
	t.Parallel()
	l := build(t, load.Traces, 1, 80)
	statements := map[string]int{}
	for round := range uint64(2) {
		bodies, _ := receive(t, l, round, 0)
		spans := decode(t, bodies["a"][0], &coltrace.ExportTraceServiceRequest{}).ResourceSpans[0].ScopeSpans[0].Spans
		if len(spans) != 80 {
			t.Fatalf("%d spans", len(spans))
		}
		for i, s := range spans {
			root := spans[i-i%8]
			if string(s.TraceId) != string(root.TraceId) || s.EndTimeUnixNano < s.StartTimeUnixNano || (i%8 > 0) != (string(s.ParentSpanId) == string(root.SpanId)) {
				t.Errorf("span %d of its trace: %v", i%8, s)
			}
			if s.Kind == tracepb.Span_SPAN_KIND_CLIENT {
				i := slices.IndexFunc(s.Attributes, func(kv *commonpb.KeyValue) bool { return kv.Key == "db.query.text" })
				statements[s.Attributes[i].Value.GetStringValue()]++
			}
		}
	}
	changing, placeholders := 0, 0
	for sql, n := range statements {
		switch {
		case strings.Contains(sql, "@@"):
			t.Errorf("a placeholder of the load was left: %s", sql)
		case strings.Contains(sql, "$1"):
			placeholders += n
		case n > 1:
			t.Errorf("%d times %s", n, sql)
		default:
			changing++
		}
	}
	if changing+placeholders != 140 || changing < 40 || placeholders < 40 {
		t.Errorf("%d statements with literals of their own, %d with placeholders, of 140", changing, placeholders)
	}
}

func TestTheSameSeedGivesTheSameIDs(t *testing.T) {
	t.Parallel()
	first, _ := receive(t, build(t, load.Logs, 1, 5), 3, 0)
	again, _ := receive(t, build(t, load.Logs, 1, 5), 3, 0)
	ids := func(bodies map[string][][]byte) (all string) {
		for _, r := range decode(t, bodies["a"][0], &collogs.ExportLogsServiceRequest{}).ResourceLogs[0].ScopeLogs[0].LogRecords {
			all += string(r.TraceId) + r.Body.GetStringValue()
		}
		return all
	}
	if ids(first) != ids(again) {
		t.Error("two loads of one seed differ")
	}
}

func TestWhatIsRefusedIsSentAgain(t *testing.T) {
	t.Parallel()
	bodies, sent := receive(t, build(t, load.Logs, 6, 5), 0, 2)
	if len(bodies) != 6 || sent.Items != 30 || sent.Refused != 2 {
		t.Errorf("%d requests, %d items, %d refusals", len(bodies), sent.Items, sent.Refused)
	}
}

func TestASlowAnswerDelaysNoOtherRequest(t *testing.T) {
	t.Parallel()
	const requests = 40
	var arrived atomic.Int64
	others := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch arrived.Add(1) {
		case 1:
			select {
			case <-others:
			case <-r.Context().Done():
			}
		case requests:
			close(others)
		}
	}))
	defer server.Close()
	sent, err := build(t, load.Logs, requests, 5).Send(t.Context(), load.Plan{URL: server.URL, Rate: 1 << 30, Header: "x-tenant", Tenant: func(int) string { return "a" }})
	if err != nil || sent.Items != requests*5 {
		t.Errorf("%+v, %v", sent, err)
	}
}

// All requests are due at once, and a receiver that takes its time sets the pace. What it delays is counted from when it was due.
func TestTheTimeOfAnItemIsWhenItWasDue(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { time.Sleep(10 * time.Millisecond) }))
	defer server.Close()
	sent, err := build(t, load.Logs, 160, 5).Send(t.Context(), load.Plan{URL: server.URL, Rate: 1 << 30, Header: "x-tenant", Tenant: func(int) string { return "a" }})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().Add(-sent.Took)
	if after := sent.Sum/float64(sent.Items) - float64(began.UnixNano())/1e9; sent.Took < 90*time.Millisecond || after > sent.Took.Seconds()/4 {
		t.Errorf("due %.3f s after the first of them, which took %s in all", after, sent.Took)
	}
	if got, most := sent.Rate, 800/.09; got > most || got <= 0 {
		t.Errorf("%.0f items a second, at most %.0f can have been taken", got, most)
	}
}

func TestTheRateIsThatOfThePlanIfTheReceiverKeepsUp(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	sent, err := build(t, load.Logs, 2, 5).Send(t.Context(), load.Plan{URL: server.URL, Rate: 5, Header: "x-tenant", Tenant: func(int) string { return "a" }})
	if err != nil || math.Abs(sent.Rate-5) > .01 {
		t.Errorf("%+v, %v", sent, err)
	}
}

func TestARefusalForGoodEndsTheRound(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	_, err := build(t, load.Logs, 6, 5).Send(context.Background(), load.Plan{URL: server.URL, Header: "x-tenant", Rate: 1000, Tenant: func(int) string { return "a" }})
	if err == nil || !strings.Contains(err.Error(), "answered 404") {
		t.Errorf("error %v", err)
	}
}

func TestFaultsOfAMix(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"unknown key": `{"metric":{}}`,
		"shares":      `{"metrics":{"gauge_percent":50,"histogram_temporality":"delta","points_per_metric":1,"exponential_buckets":1},"traces":{"spans_per_trace":1,"statements":1}}`,
		"temporality": `{"metrics":{"gauge_percent":100,"histogram_temporality":"both","points_per_metric":1,"exponential_buckets":1},"traces":{"spans_per_trace":1,"statements":1}}`,
		"only SQL":    `{"metrics":{"gauge_percent":100,"histogram_temporality":"delta","points_per_metric":1,"exponential_buckets":1},"traces":{"spans_per_trace":1,"sql_spans_per_trace":1,"statements":1}}`,
	} {
		if _, err := load.ParseMix([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := load.Build(load.DefaultMix(), load.Metrics, 1, 101, 1); err == nil {
		t.Error("101 items cannot be 40, 30, 20 and 10 percent in metrics of five points")
	}
}

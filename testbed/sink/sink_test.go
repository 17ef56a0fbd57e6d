package sink_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/DataDog/agent-payload/v5/gogen"
	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/sink"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
)

// behind is a sink behind the stand-in, and a client that calls itself sender.
func behind(t *testing.T, sender string) (*sink.Sink, *http.Client) {
	t.Helper()
	s := sink.New()
	t.Cleanup(func() { s.Close() })
	server := standin.New(standin.Options{Sink: s})
	t.Cleanup(func() { server.Close() })
	proxy := httptest.NewServer(server.ProxyHandler())
	t.Cleanup(proxy.Close)
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(sender, "none")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.CAPEM())
	return s, &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{RootCAs: roots}}}
}

func post(t *testing.T, c *http.Client, url, encoding string, body []byte) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
	req.Header.Set("DD-API-KEY", "k1")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func encoded(t *testing.T, encoding string, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "":
		return plain
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		var err error
		if w, err = zstd.NewWriter(&out); err != nil {
			t.Fatal(err)
		}
	}
	_, err := w.Write(plain)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func wire(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestItemsOfEveryPathAreCounted(t *testing.T) {
	t.Parallel()
	points := func(n int) []*metricspb.NumberDataPoint {
		all := make([]*metricspb.NumberDataPoint, n)
		for i := range all {
			all[i] = &metricspb.NumberDataPoint{TimeUnixNano: 1}
		}
		return all
	}
	series, err1 := (&gogen.MetricPayload{Series: []*gogen.MetricPayload_MetricSeries{
		{Metric: "a", Points: []*gogen.MetricPayload_MetricPoint{{Value: 1}, {Value: 2}}}, {Metric: "b", Points: []*gogen.MetricPayload_MetricPoint{{Value: 1}}},
	}}).Marshal()
	sketches, err2 := (&gogen.SketchPayload{Sketches: []gogen.SketchPayload_Sketch{{Dogsketches: []gogen.SketchPayload_Sketch_Dogsketch{{Cnt: 1}, {Cnt: 2}}}}}).Marshal()
	stats, err3 := (&pb.StatsPayload{Stats: []*pb.ClientStatsPayload{{Stats: []*pb.ClientStatsBucket{
		{Start: 1, Duration: 1, Stats: []*pb.ClientGroupedStats{{Hits: 3}, {Hits: 4}}}}}}}).MarshalMsg(nil)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		url, encoding string
		body          []byte
		items, hits   int
		status        int
	}{
		{"https://api.datadoghq.com/api/v2/series", "zstd", series, 3, 0, 202},
		{"https://api.datadoghq.com/api/beta/sketches", "gzip", sketches, 2, 0, 202},
		{"https://http-intake.logs.datadoghq.com/api/v2/logs", "", []byte(`[{"message":"a \" ] b","tags":["x",{"y":{}}]} , {"message":"\\"}]`), 2, 0, 202},
		{"https://http-intake.logs.datadoghq.com/api/v2/logs", "zstd", []byte(`[]`), 0, 0, 202},
		{"https://trace.agent.datadoghq.com/api/v0.2/traces", "gzip", wire(t, &pb.AgentPayload{TracerPayloads: []*pb.TracerPayload{
			{Chunks: []*pb.TraceChunk{{Spans: []*pb.Span{{SpanID: 1}, {SpanID: 2}}}, {Spans: []*pb.Span{{SpanID: 3}}}}}}}), 3, 0, 202},
		{"https://trace.agent.datadoghq.com/api/v0.2/stats", "gzip", stats, 0, 7, 202},
		{"https://otlp.datadoghq.com/v1/metrics", "zstd", wire(t, &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{ScopeMetrics: []*metricspb.ScopeMetrics{{
			Metrics: []*metricspb.Metric{
				{Name: "g", Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: points(2)}}},
				{Name: "s", Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{DataPoints: points(3)}}},
				{Name: "h", Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{DataPoints: []*metricspb.HistogramDataPoint{{Count: 1}}}}},
				{Name: "e", Data: &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: &metricspb.ExponentialHistogram{
					DataPoints: []*metricspb.ExponentialHistogramDataPoint{{Count: 1}}}}},
				{Name: "q", Data: &metricspb.Metric_Summary{Summary: &metricspb.Summary{DataPoints: []*metricspb.SummaryDataPoint{{Count: 1}}}}},
			}}}}}}), 8, 0, 200},
		{"https://otlp.datadoghq.com/v1/logs", "", wire(t, &logspb.LogsData{ResourceLogs: []*logspb.ResourceLogs{{ScopeLogs: []*logspb.ScopeLogs{{
			LogRecords: []*logspb.LogRecord{{Flags: 1}, {Flags: 1}}}}}}}), 2, 0, 200},
		{"https://otlp.datadoghq.com/v1/traces", "", wire(t, &tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{{ScopeSpans: []*tracepb.ScopeSpans{{
			Spans: []*tracepb.Span{{Name: "a"}}}}}}}), 1, 0, 200},
	} {
		s, client := behind(t, "acme")
		body := encoded(t, c.encoding, c.body)
		before := time.Now()
		if status, answer := post(t, client, c.url, c.encoding, body); status != c.status {
			t.Errorf("%s: %d %q", c.url, status, answer)
		}
		if err := s.Close(); err != nil {
			t.Errorf("%s: %v", c.url, err)
		}
		u, _ := url.Parse(c.url)
		got := s.Counts("acme")[sink.From{Sender: "acme", Key: "k1", Host: u.Host, Path: u.Path, Encoding: c.encoding}]
		if got.Requests != 1 || got.Items != c.items || got.Hits != c.hits || got.Bytes != int64(len(body)) {
			t.Errorf("%s: %+v, want %d items and %d hits in %d bytes", c.url, got, c.items, c.hits, len(body))
		}
		if mean := got.Sum / float64(max(1, c.items)); c.items > 0 && (mean < float64(before.Unix()) || mean > float64(time.Now().Unix()+1)) {
			t.Errorf("%s: arrived at %v on average", c.url, mean)
		}
		if other := s.Total("globex"); other != (sink.Counts{}) {
			t.Errorf("%s: somebody else sent %+v", c.url, other)
		}
	}
}

func TestWhatIsCutShortIsAFault(t *testing.T) {
	t.Parallel()
	series, err := (&gogen.MetricPayload{Series: []*gogen.MetricPayload_MetricSeries{{Metric: "a.metric", Points: []*gogen.MetricPayload_MetricPoint{{Value: 1}}}}}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	zipped, squeezed := encoded(t, "gzip", series), encoded(t, "zstd", series)
	for name, c := range map[string]struct {
		url, encoding string
		body          []byte
	}{
		"protobuf":     {"https://api.datadoghq.com/api/v2/series", "", series[:len(series)-1]},
		"gzip":         {"https://api.datadoghq.com/api/v2/series", "gzip", zipped[:len(zipped)-1]},
		"zstd":         {"https://api.datadoghq.com/api/v2/series", "zstd", squeezed[:len(squeezed)-1]},
		"JSON":         {"https://http-intake.logs.datadoghq.com/api/v2/logs", "", []byte(`[{"message":"a"}`)},
		"two arrays":   {"https://http-intake.logs.datadoghq.com/api/v2/logs", "", []byte(`[{}][{}]`)},
		"an object":    {"https://http-intake.logs.datadoghq.com/api/v2/logs", "", []byte(`{"message":"a"}`)},
		"encoding":     {"https://api.datadoghq.com/api/v2/series", "br", series},
		"unknown path": {"https://api.datadoghq.com/api/v9/series", "", series},
		"stats":        {"https://trace.agent.datadoghq.com/api/v0.2/stats", "", []byte{0xc1}},
	} {
		s, client := behind(t, "acme")
		post(t, client, c.url, c.encoding, c.body)
		if err := s.Close(); err == nil || !strings.Contains(err.Error(), "sink: acme to ") {
			t.Errorf("%s: %v", name, err)
		}
		if total := s.Total("acme"); total.Items != 0 || total.Requests != 1 {
			t.Errorf("%s: %+v", name, total)
		}
	}
}

// TestPointsThatDatadogDropsAreCounted has some within its window, and others an hour and ten minutes off.
func TestPointsThatDatadogDropsAreCounted(t *testing.T) {
	t.Parallel()
	var all gogen.MetricPayload
	for _, age := range []time.Duration{0, 59 * time.Minute, 61 * time.Minute, -9 * time.Minute, -11 * time.Minute} {
		at := time.Now().Add(-age).Unix()
		all.Series = append(all.Series, &gogen.MetricPayload_MetricSeries{Metric: "a", Points: []*gogen.MetricPayload_MetricPoint{{Timestamp: at, Value: 1}, {Timestamp: at, Value: 2}}})
	}
	series, err := all.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	s, client := behind(t, "acme")
	post(t, client, "https://api.datadoghq.com/api/v2/series", "", series)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if total := s.Total("acme"); total.Items != 10 || total.Lapsed != 4 {
		t.Errorf("%+v", total)
	}
}

func TestAwaitTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	s, client := behind(t, "acme")
	arrived := make(chan error, 1)
	go func() { arrived <- s.Await(t.Context(), "acme", 2, 0) }()
	for range 2 {
		post(t, client, "https://http-intake.logs.datadoghq.com/api/v2/logs", "", []byte(`[{}]`))
	}
	if err := <-arrived; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Await(ctx, "acme", 3, 0); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "2 items of 3 arrived") {
		t.Error(err)
	}
}

func TestAClosedSinkRefuses(t *testing.T) {
	t.Parallel()
	s, client := behind(t, "acme")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _ := post(t, client, "https://http-intake.logs.datadoghq.com/api/v2/logs", "", []byte(`[{}]`)); status != http.StatusServiceUnavailable {
		t.Errorf("answered %d", status)
	}
}

// What belongs to OAuth is no matter of the sink.
func TestTokensAndKeysStayTheStandins(t *testing.T) {
	t.Parallel()
	s, client := behind(t, "acme")
	if status, _ := post(t, client, "https://api.datadoghq.com/oauth2/v1/token", "", nil); status != http.StatusBadRequest && status != http.StatusUnauthorized {
		t.Errorf("the token endpoint answered %d", status)
	}
	if err := s.Close(); err != nil || s.Total("acme") != (sink.Counts{}) {
		t.Errorf("%+v, %v", s.Total("acme"), err)
	}
}

// What the mapped bodies of our load look like is seen by the benchmarks, which compare every count; here is what the sink makes of a mark.
func TestMarksAreFoundWithTheirItems(t *testing.T) {
	t.Parallel()
	const pod = "pod_name:checkout-zq0100000007-00003"
	tags := []string{"env:prod", pod}
	series, err1 := (&gogen.MetricPayload{Series: []*gogen.MetricPayload_MetricSeries{
		{Metric: "a", Tags: tags, Points: []*gogen.MetricPayload_MetricPoint{{Timestamp: 1700000000, Value: 1}, {Timestamp: 1700000000, Value: 2}}},
		{Metric: "b", Points: []*gogen.MetricPayload_MetricPoint{{Timestamp: 1700000000, Value: 1}}},
	}}).Marshal()
	sketches, err2 := (&gogen.SketchPayload{Sketches: []gogen.SketchPayload_Sketch{{Tags: tags, Dogsketches: []gogen.SketchPayload_Sketch_Dogsketch{{Ts: 1700000001, Cnt: 1}}}}}).Marshal()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	spans := wire(t, &pb.AgentPayload{TracerPayloads: []*pb.TracerPayload{
		{Tags: map[string]string{"_dd.tags.container": pod}, Chunks: []*pb.TraceChunk{{Spans: []*pb.Span{{SpanID: 1}, {SpanID: 2}}}, {Spans: []*pb.Span{{SpanID: 3}}}}},
		{Chunks: []*pb.TraceChunk{{Spans: []*pb.Span{{SpanID: 1}}}}}}})
	points := wire(t, &metricspb.MetricsData{ResourceMetrics: []*metricspb.ResourceMetrics{{SchemaUrl: pod, ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: []*metricspb.Metric{
		{Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: []*metricspb.NumberDataPoint{{TimeUnixNano: 1700000002_500000000}}}}}}}}}}})
	twice := func(b []byte) []byte { return bytes.Repeat(b, 2) } // messages one after the other are one
	for _, c := range []struct {
		path  string
		body  []byte
		again func([]byte) []byte // the body with all of it twice
		items int
		round uint32
	}{
		{"api.datadoghq.com/api/v2/series", series, twice, 2, 1700000000},
		{"api.datadoghq.com/api/beta/sketches", sketches, twice, 1, 1700000001},
		{"trace.agent.datadoghq.com/api/v0.2/traces", spans, twice, 3, 7},
		{"http-intake.logs.datadoghq.com/api/v2/logs", []byte(`[{"message":"a"},{"ddtags":"` + pod + `"},{"ddtags":["` + pod + `"]}]`), func(b []byte) []byte {
			return bytes.Join([][]byte{b[:len(b)-1], b[1:]}, []byte(","))
		}, 2, 7},
		{"otlp.datadoghq.com/v1/metrics", points, twice, 1, 1700000002},
	} {
		s, client := behind(t, "acme")
		got, different := map[load.Mark]int{}, map[load.Item]bool{}
		before := time.Now()
		s.Watch(func(m load.Mark, items []load.Item, at time.Time) {
			got[m] += len(items)
			for _, item := range items {
				different[item] = true
			}
			if at.Before(before) {
				t.Errorf("%s: arrived at %s", c.path, at)
			}
		})
		for range 2 { // the second time as a part of a larger body
			post(t, client, "https://"+c.path, "", c.body)
			c.body = c.again(c.body)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if want := (load.Mark{Load: 1, Request: 3, Round: c.round}); len(got) != 1 || got[want] != 3*c.items || len(different) != c.items {
			t.Errorf("%s: %v, %d different ones, want %d items of %+v three times", c.path, got, len(different), c.items, want)
		}
	}
}

func TestWhatIsAnsweredInVainIsCounted(t *testing.T) {
	t.Parallel()
	s := sink.New()
	server := standin.New(standin.Options{Sink: s})
	t.Cleanup(func() { server.Close() })
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.CAPEM())
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(server.ProxyURL()), TLSClientConfig: &tls.Config{RootCAs: roots}}}
	t.Cleanup(client.CloseIdleConnections)
	if _, err := server.Faults().Add(faults.Fault{Lose: true, Count: 1}); err != nil {
		t.Fatal(err)
	}
	for _, lost := range []bool{true, false} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://http-intake.logs.datadoghq.com/api/v2/logs", strings.NewReader(`[{},{}]`))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if (err != nil) != lost {
			t.Fatalf("error %v", err)
		}
		if err == nil {
			resp.Body.Close()
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if total := s.Total(""); total.Items != 4 || total.Lost != 2 {
		t.Errorf("%+v", total)
	}
}

// What a mark costs whoever measures: with and without looking for them, in a body of 1,000 series.
func BenchmarkDecode(b *testing.B) {
	payload := &gogen.MetricPayload{}
	for i := range 1000 {
		payload.Series = append(payload.Series, &gogen.MetricPayload_MetricSeries{Metric: "http.server.request.count", Type: gogen.MetricPayload_COUNT,
			Tags:   []string{"service:checkout", "env:production", "version:1.2.3", "pod_name:checkout-zq0100000000-00003", "http.route:/orders/{id}", "host:ip-10-1-2-3.eu-central-1"},
			Points: []*gogen.MetricPayload_MetricPoint{{Timestamp: 1700000000, Value: float64(i)}}})
	}
	body, err := payload.Marshal()
	if err != nil {
		b.Fatal(err)
	}
	for name, watch := range map[string]func(load.Mark, []load.Item, time.Time){"counted": nil, "marks": func(load.Mark, []load.Item, time.Time) {}} {
		b.Run(name, func(b *testing.B) {
			s := sink.New()
			defer s.Close()
			s.Watch(watch)
			b.SetBytes(int64(len(body)))
			w := httptest.NewRecorder()
			for b.Loop() {
				s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "https://api.datadoghq.com/api/v2/series", bytes.NewReader(body)))
			}
			if err := s.Await(b.Context(), "", 1000*b.N, 0); err != nil {
				b.Fatal(err)
			}
		})
	}
}

package oracle

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/DataDog/datadog-agent/pkg/trace/config"
	containertagsbuffer "github.com/DataDog/datadog-agent/pkg/trace/containertags"
	"github.com/DataDog/datadog-agent/pkg/trace/telemetry"
	"github.com/DataDog/datadog-agent/pkg/trace/timing"
	"github.com/DataDog/datadog-agent/pkg/trace/writer"
	"github.com/DataDog/datadog-go/v5/statsd"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// oneOf is a group of differences without what they are about.
type oneOf struct{ group, field, ours string }

func fieldsOf(all []difference) []oneOf {
	var fields []oneOf
	for _, d := range all {
		fields = append(fields, oneOf{d.group, d.field, d.ours})
	}
	return fields
}

// Above the cap a span is counted in the overflow group, with every number that Datadog's group of its own has.
func TestStatsAreCapped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	spans := clientSpan("") + "," + strings.NewReplacer("0000000000000001", "0000000000000002", `"n"`, `"m"`, `"@-20s"`, `"@-22s"`).Replace(clientSpan(`{"key":"resource.name","value":{"stringValue":"other"}}`))
	overflow := []oneOf{{`stats of otlpresourcenoservicename, "other"`, "missing", ""}, {`stats of stats_overflow, "stats_overflow"`, "extra", ""}}
	for _, c := range []struct {
		caps settings
		want []oneOf
	}{
		{settings{"max_stats_keys_per_tenant": 2}, nil},
		{settings{"max_stats_keys_per_tenant": 1}, overflow},
		{settings{"max_stats_keys": 2}, nil},
		{settings{"max_stats_keys": 1}, overflow},
	} {
		mode := traceModes[0]
		mode.ours = settings{"traces": c.caps}
		o := statsOutcome(t, w, mode, spans)
		if got := fieldsOf(o.differences()); !slices.Equal(got, c.want) {
			t.Errorf("%v: %+v, want %+v", c.caps, got, c.want)
		}
		if c.want == nil {
			continue
		}
		ours, theirs := groupOf(o.ours, c.want[1].group), groupOf(o.theirs, c.want[0].group)
		for _, d := range compareFields(ours, theirs) {
			// What the group is about is what it has not.
			if about := []string{"name", "type", "kind", "peers", "root", "http", "grpc", "source"}; !slices.Contains(about, d.field) {
				t.Errorf("overflow, %s: ours %s theirs %s", d.field, d.ours, d.theirs)
			}
		}
	}
}

func groupOf(items []item, group string) item {
	i := slices.IndexFunc(items, func(it item) bool { return it.group == group })
	if i < 0 {
		return item{}
	}
	return items[i]
}

func statsOutcome(t *testing.T, w *world, mode traceMode, spans string) outcome {
	t.Helper()
	a, err := newTraceAgent(t.Context(), mode, newExceptions())
	if err != nil {
		t.Fatal(err)
	}
	o, err := sendJSON(t, tracesCodec, time.Now(), `{"resourceSpans":[{"resource":{"attributes":[%s]},"scopeSpans":[{"spans":[%s]}]}]}`, "", spans,
		func(ctx context.Context, d []ptrace.Traces) (outcome, error) { return w.tracesBothWays(a)(ctx, d) })
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// With a rate that is no number Datadog's sums are none either, and nothing else is touched.
func TestASampleRateThatIsNoNumberWeighsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for rate, want := range map[string][]oneOf{
		"1":     nil,
		`"NaN"`: {{group: `stats of otlpresourcenoservicename, "n"`, field: "duration", ours: "1000000000"}, {group: `stats of otlpresourcenoservicename, "n"`, field: "hits", ours: "1"}, {group: `stats of otlpresourcenoservicename, "n"`, field: "top level", ours: "1"}},
	} {
		o := statsOutcome(t, w, traceModes[0], clientSpan(`{"key":"_sample_rate","value":{"doubleValue":`+rate+`}}`))
		if got := fieldsOf(o.differences()); !slices.Equal(got, want) {
			t.Errorf("rate %s: %+v, want %+v", rate, got, want)
		}
	}
}

// Two buckets that are flushed together are two payloads of ours, one of Datadog's, and the same groups.
func TestEachBucketIsAPayload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := newTraceAgent(t.Context(), traceModes[0], newExceptions())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now().Truncate(bucketLength).Add(3 * time.Second)
	w.datadog.Intake().Reset(w.org)
	var theirs *pb.StatsPayload
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(began))
		e, err := w.open()
		if err != nil {
			t.Fatal(err)
		}
		a.restart()
		for range 2 {
			d := clientSpans(1, true)
			if err := errors.Join(consumeTraces(e, t.Context(), d), a.receive(t.Context(), d)); err != nil {
				t.Error(err)
			}
			time.Sleep(bucketLength)
		}
		theirs = a.concentrator.Flush(true)
		if err := e.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ours := w.datadog.Intake().Received(w.org).Stats
	if n := bucketsOfEach([]*pb.StatsPayload{theirs}); !slices.Equal(n, []int{2}) {
		t.Errorf("Datadog's concentrator makes payloads of %d buckets", n)
	}
	if n := bucketsOfEach(ours); !slices.Equal(n, []int{1, 1}) {
		t.Errorf("we send payloads of %d buckets", n)
	}
	for _, d := range compare(statsItems(ours), statsItems([]*pb.StatsPayload{theirs})) {
		t.Errorf("%+v", d)
	}
}

func bucketsOfEach(payloads []*pb.StatsPayload) (n []int) {
	for _, p := range payloads {
		for _, c := range p.Stats {
			n = append(n, len(c.Stats))
		}
	}
	return n
}

// Pieces of a payload that has to be divided name the commit, where those of Datadog's writer do not. Ours is divided where it is large, though it
// has few groups. Nothing else differs.
func TestPayloadsOfStatsAreDivided(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, err := newTraceAgent(t.Context(), traceModes[0], newExceptions())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		groups, bytes int
		ours, theirs  bool // divided
	}{{3999, 1, false, false}, {4001, 1, true, true}, {400, 4000, false, false}, {700, 4000, true, false}} {
		theirs, ours := dividedStats(t, w, a, c.groups, c.bytes)
		differ := make(map[string]int)
		for _, d := range compare(ours, statsItems(theirs)) {
			differ[d.field]++
			without := strings.NewReplacer(`commit "abc"`, `commit ""`, "split true", "split false").Replace(d.ours)
			if without == d.ours || without != d.theirs {
				t.Fatalf("%d groups of %d bytes: %s, %s: ours %s theirs %s %s", c.groups, c.bytes, d.group, d.field, d.ours, d.theirs, d.all)
			}
		}
		want := make(map[string]int)
		if c.theirs {
			want["payload"] = c.groups
		}
		if c.ours != c.theirs {
			want["header"] = c.groups
		}
		if !maps.Equal(differ, want) || len(ours) != c.groups || c.theirs != (len(theirs) > 1) {
			t.Errorf("%d groups of %d bytes: %v of %d differ, want %v; Datadog's writer sends %d payloads", c.groups, c.bytes, differ, len(ours), want, len(theirs))
		}
	}
}

// dividedStats are the stats of spans that are a group each, with names of so many bytes.
func dividedStats(t *testing.T, w *world, a *traceAgent, groups, bytes int) (theirs []*pb.StatsPayload, ours []item) {
	t.Helper()
	d := clientSpans(groups, false)
	rs := d.ResourceSpans().At(0)
	rs.Resource().Attributes().Clear()
	rs.Resource().Attributes().PutStr("service.name", "web")
	for i, s := range rs.ScopeSpans().At(0).Spans().All() {
		s.Attributes().PutStr("_dd.git.commit.sha", "abc")
		s.Attributes().PutStr("resource.name", caseID(i)+strings.Repeat("a", bytes))
	}
	a.sent = nil
	a.restart()
	if err := a.receive(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	theirs = written(t, a.concentrator.Flush(true))
	s, err := export(t.Context(), w, createTraces, consumeTraces, a.mode.settings(), []ptrace.Traces{d})
	if err != nil || len(s.complaints) > 0 {
		t.Fatal(err, s.complaints)
	}
	ours = statsItems(s.Stats)
	for _, p := range theirs {
		for _, c := range p.Stats {
			for _, b := range c.Stats {
				b.Start = 0
			}
		}
	}
	for _, it := range ours { // that of the time at which each side was asked
		_, length, _ := strings.Cut(it.fields["bucket"], " ")
		it.fields["bucket"] = "0 " + length
	}
	return theirs, ours
}

// written is what Datadog's writer sends of a payload.
func written(t *testing.T, p *pb.StatsPayload) []*pb.StatsPayload {
	t.Helper()
	var mu sync.Mutex
	var all []*pb.StatsPayload
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		got := new(pb.StatsPayload)
		zipped, err := gzip.NewReader(r.Body)
		if err == nil {
			var body []byte
			if body, err = io.ReadAll(zipped); err == nil {
				_, err = got.UnmarshalMsg(body)
			}
		}
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		all = append(all, got)
		rw.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	cfg := config.New()
	cfg.Endpoints[0].APIKey, cfg.Endpoints[0].Host = "none", server.URL
	cfg.SynchronousFlushing = true
	nowhere := &statsd.NoOpClient{}
	sw := writer.NewStatsWriter(cfg, telemetry.NewNoopCollector(), nowhere, timing.NoopReporter{}, containertagsbuffer.NewContainerTagsBuffer(cfg, nowhere))
	done := make(chan struct{})
	go func() {
		defer close(done)
		sw.Run()
	}()
	sw.Write(p)
	if err := sw.FlushSync(); err != nil {
		t.Error(err)
	}
	sw.Stop()
	<-done
	mu.Lock()
	defer mu.Unlock()
	return all
}

package datadogoauthexporter

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

const statsPath = "/api/v0.2/stats"

// runTraces starts a traces exporter; change may be nil.
func runTraces(t testing.TB, set exporter.Settings, d *datadog, h component.Host, change func(*Config)) *tracesExporter {
	t.Helper()
	cfg := d.config()
	if change != nil {
		change(cfg)
	}
	e, err := createTraces(context.Background(), set, cfg)
	return run(t, e, err, h).(*tracesExporter)
}

func stop(t testing.TB, e component.Component) {
	t.Helper()
	if err := e.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// statsReceived are the accepted requests of the stats intake, with the hits in them. Call it when the exporter has stopped.
func statsReceived(d *datadog) (all []received, hits int) {
	for {
		select {
		case r := <-d.got:
			if r.path == statsPath {
				all = append(all, r)
				hits += hitsIn(r.body)
			}
		default:
			return all, hits
		}
	}
}

// hitsIn adds up the hits of the groups in a body, each below 128 and so one byte of msgpack.
func hitsIn(body string) (hits int) {
	const key = "\xa4Hits"
	for {
		_, rest, ok := strings.Cut(body, key)
		if !ok {
			return hits
		}
		hits, body = hits+int(rest[0]), rest
	}
}

func TestStatsOfEachTenantGoToItsOwnSite(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	e := runTraces(t, set, d, h, nil)
	for range 3 {
		if err := e.ConsumeTraces(context.Background(), tracesOf("acme", "globex", "acme")); err != nil {
			t.Fatal(err)
		}
	}
	stop(t, e)
	all, hits := statsReceived(d)
	if len(all) != 2 || hits != 9 {
		t.Fatalf("%d requests with %d hits, want 2 with 9", len(all), hits)
	}
	for _, r := range all {
		own, others, want := "acme", "globex", 6
		if r.site == us5 {
			own, others, want = others, own, 3
		}
		if !strings.Contains(r.body, "service-of-"+own) || strings.Contains(r.body, others) || hitsIn(r.body) != want {
			t.Errorf("%s got %d hits: %q", r.site, hitsIn(r.body), r.body)
		}
	}
	figures(t, tel, "accepted 9 delivered 9")
	figuresOf(t, tel, "stats", "accepted 2 delivered 2")
}

// TestStatsCountASpanOnce: whatever happens to the spans, and however often they are offered.
func TestStatsCountASpanOnce(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	e := runTraces(t, set, d, h, nil)
	var calls atomic.Int32
	d.answers(func(r received, _ http.Header) int { // each first attempt fails; that of the stats comes while the exporter stops, which is no time for a second
		if r.path != statsPath && calls.Add(1)%2 == 1 {
			return http.StatusServiceUnavailable
		}
		return http.StatusAccepted
	})
	queue, offers := e.next.consume, 0
	e.next.consume = func(ctx context.Context, td ptrace.Traces) error {
		if offers++; offers%3 == 0 { // the queue refuses each third offer
			return errors.New("full")
		}
		return queue(ctx, td)
	}
	refused := 0
	for range 20 {
		if err := e.ConsumeTraces(context.Background(), tracesOf("acme")); err != nil {
			refused++
		}
	}
	e.next.consume = queue
	for spans := 0; spans < 14; {
		spans += strings.Count(d.await(t, 1)[0].body, "work of acme")
	}
	stop(t, e)
	if _, hits := statsReceived(d); refused != 6 || hits != 14 {
		t.Errorf("%d of 20 calls refused, %d hits", refused, hits)
	}
	figures(t, tel, "accepted 14 delivered 14")
	figuresOf(t, tel, "stats", "accepted 1 delivered 1")
}

func TestStatsCanBeOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change   func(*Config)
		computed any
		want     int
	}{
		"on":                          {nil, nil, 1},
		"off":                         {func(c *Config) { c.Traces.ComputeStats = false }, nil, 0},
		"computed by the sender":      {nil, true, 0},
		"computed, in text":           {nil, "YES", 0},
		"not computed by the sender":  {nil, false, 1},
		"not computed, in text":       {nil, "False", 1},
		"nothing is said of it":       {nil, "", 1},
		"of sampled spans as well":    {nil, "sampled", 1},
		"sampled spans, and computed": {nil, "sampled computed", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, h := twoSites(t)
			set, _ := settings(t)
			e := runTraces(t, set, d, h, c.change)
			td := tracesOf("acme")
			rs := td.ResourceSpans().At(0)
			switch v := c.computed.(type) {
			case bool:
				rs.Resource().Attributes().PutBool("_dd.stats_computed", v)
			case string:
				text, sampled := strings.CutPrefix(v, "sampled")
				if sampled {
					rs.ScopeSpans().At(0).Spans().At(0).Attributes().PutInt("sampling.priority", -1)
				}
				rs.Resource().Attributes().PutStr("_dd.stats_computed", text)
			}
			if err := e.ConsumeTraces(context.Background(), td); err != nil {
				t.Fatal(err)
			}
			stop(t, e)
			if _, hits := statsReceived(d); hits != c.want {
				t.Errorf("%d hits, want %d", hits, c.want)
			}
		})
	}
}

// TestStatsBelongToTheOrganisationOfTheirSpans: a tenant that moved gets nothing of what came before.
func TestStatsBelongToTheOrganisationOfTheirSpans(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	e := runTraces(t, set, d, h, nil)
	if err := e.ConsumeTraces(context.Background(), tracesOf("acme")); err != nil {
		t.Fatal(err)
	}
	d.await(t, 1)
	h.grants.Move("acme", us5, us5Key, "another")
	if err := e.ConsumeTraces(context.Background(), tracesOf("acme")); err != nil {
		t.Fatal(err)
	}
	stop(t, e)
	if all, hits := statsReceived(d); len(all) != 1 || all[0].site != us5 || hits != 1 {
		t.Errorf("%d hits in %+v", hits, all)
	}
	figuresOf(t, tel, "stats", "accepted 2 delivered 1 org_changed 1")
}

// TestStatsThatTheQueueRefuses are offered again, as long as there is room, and counted when there is none.
func TestStatsThatTheQueueRefuses(t *testing.T) {
	t.Parallel()
	set, tel := settings(t)
	created, err := createTraces(context.Background(), set, createDefaultConfig().(*Config))
	if err != nil {
		t.Fatal(err)
	}
	var queue error
	c := created.(*tracesExporter).core
	c.dispatcher.Store(tenancy.NewDispatcher(tenancy.Settings{}))
	s := newStatsFlow(c, func(_ context.Context, r *intake.Request) error {
		if queue == nil { // and an intake that takes it at once
			c.telemetry.Delivered(r.Family, r.Count())
		}
		return queue
	})
	waiting := func(want int) {
		t.Helper()
		if a := accounts(t, tel).Of("stats"); a.Queued != want || a.Check() != nil {
			t.Fatalf("%d are to wait: %s", want, a)
		}
	}
	item := func(tenant string, bytes int) *intake.Request {
		p := intake.Payload{Body: make([]byte, bytes)}
		p.EndItem(1, 1)
		s.queued(1)
		s.telemetry.acceptedStats(1)
		return intake.NewRequest(tenant, "org", intake.Stats, p)
	}
	s.refused.limitBytes = 100
	queue = errors.New("full")
	s.offer(t.Context(), item("small", 20))
	for range 3 {
		s.offer(t.Context(), item("large", 35)) // the first of these goes, not the small one
	}
	waiting(3)
	queue = errTooLargeForQueue
	s.offer(t.Context(), item("huge", 99))
	waiting(3)
	queue = nil
	s.flush(t.Context(), time.Second, func(emitStats) {})
	waiting(0)
	queue = errors.New("full")
	s.offer(t.Context(), item("small", 20))
	waiting(1)
	s.start()
	s.stop(t.Context())
	s.stop(t.Context())
	figuresOf(t, tel, "stats", "accepted 6 delivered 3 too_large 1 shutdown 1 queue_full 1")
}

// TestStatsOutOfBoundsAreCounted: of spans that are too late for their bucket, and of those that get no group of their own.
func TestStatsOutOfBoundsAreCounted(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, tel := settings(t)
	e := runTraces(t, set, d, h, func(c *Config) { c.Traces.MaxStatsKeysPerTenant = 1 })
	td := tracesOf("acme", "acme", "acme", "globex")
	span := func(i int) ptrace.Span { return td.ResourceSpans().At(i).ScopeSpans().At(0).Spans().At(0) }
	for i := range 3 {
		span(i).SetName([]string{"first", "second", "third"}[i])
		span(i).SetEndTimestamp(span(0).EndTimestamp())
	}
	hourAgo := pcommon.NewTimestampFromTime(time.Now().Add(-time.Hour))
	span(3).SetStartTimestamp(hourAgo)
	span(3).SetEndTimestamp(hourAgo)
	if err := e.ConsumeTraces(context.Background(), td); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"stats_late": 1, "stats_overflow": 2} {
		if got := counted(t, tel, name, "", ""); got != want {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	stop(t, e)
	if _, hits := statsReceived(d); hits != 4 {
		t.Errorf("%d hits, want 4", hits)
	}
}

// TestStatsAreFlushedByTheClock waits for one bucket of one second.
func TestStatsAreFlushedByTheClock(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	set, _ := settings(t)
	e := runTraces(t, set, d, h, func(c *Config) { c.Traces.BucketInterval = 1e9 })
	if err := e.ConsumeTraces(context.Background(), tracesOf("acme")); err != nil {
		t.Fatal(err)
	}
	if all := d.await(t, 2); hitsIn(all[1].body) != 1 {
		t.Errorf("got %q", all[1].body)
	}
}

// TestStatsThatTheQueueRefusesAtAStopAreInTheStorage, also those for which there is no room in memory, and the next process sends them.
func TestStatsThatTheQueueRefusesAtAStopAreInTheStorage(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	id := component.MustNewID("test_storage")
	h.extensions[id] = newStorage()
	durable := func(c *Config) { c.Queue.Get().StorageID = &id }
	set, tel := settings(t)
	e := runTraces(t, set, d, h, durable)
	e.stats.enqueue = func(context.Context, *intake.Request) error { return errors.New("full") }
	e.stats.refused.limitBytes = 1200 // there is room for those of one tenant in memory
	for range 3 {
		if err := e.ConsumeTraces(context.Background(), tracesOf("acme", "globex")); err != nil {
			t.Fatal(err)
		}
	}
	for _, tenant := range []string{"acme", "globex"} { // else they are sent before the stop
		h.grants.Fail(tenant, credential.ErrPaused)
	}
	stop(t, e)
	figuresKept(t, tel, e.core, "stats", "accepted 2", 2)
	h.grants.Grant("acme", eu, euKey, 1, false)
	h.grants.Grant("globex", us5, us5Key, 1, false)
	set, tel = settings(t)
	e = runTraces(t, set, d, h, durable)
	hits := 0
	for hits < 6 {
		for _, r := range d.await(t, 1) {
			hits += hitsIn(r.body)
		}
	}
	stop(t, e)
	if _, more := statsReceived(d); hits+more != 6 {
		t.Errorf("%d hits came, want 6", hits+more)
	}
	figuresOf(t, tel, "stats", "restored 2 delivered 2")
}

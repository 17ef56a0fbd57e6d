package apmstats_test

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

const second = int64(time.Second)

// start is a multiple of ten seconds.
const start = 1_700_000_000 * second

// fixture is a set of concentrators with a clock that stands still.
type fixture struct {
	*apmstats.Concentrators
	t                testing.TB
	now              int64
	late, overflowed int
}

func newFixture(t testing.TB, change func(*apmstats.Options)) *fixture {
	f := &fixture{t: t, now: start}
	o := apmstats.Options{
		BySpanKind: true, BucketInterval: 10 * second, MaxKeysPerTenant: 1000, MaxKeys: 10_000,
		Now: func() time.Time { return time.Unix(0, f.now) }, Observer: f,
	}
	if change != nil {
		change(&o)
	}
	f.Concentrators = apmstats.New(o)
	return f
}

func (f *fixture) StatsLate(n int)     { f.late += n }
func (f *fixture) StatsOverflow(n int) { f.overflowed += n }

// entry is a span by which a service is entered, of 1 s, that ended so many seconds after start.
func entry(resource string, endSeconds int64) apmstats.Span {
	return apmstats.Span{
		Service: "shop", Name: "http.server.request", Resource: resource, Type: "web", Kind: "server",
		Start: start + (endSeconds-1)*second, Duration: second, TraceRoot: true, TopLevel: true,
	}
}

// add commits spans of one chunk of a tenant.
func (f *fixture) add(tenant string, c apmstats.Chunk, spans ...apmstats.Span) {
	x := f.Begin(tenant, "org-of-"+tenant)
	x.Chunk(&c)
	for i := range spans {
		x.Span(&spans[i])
	}
	x.Commit()
}

// flush returns what is due, by tenant and org, in the order of time.
func (f *fixture) flush(force bool) map[string][]clientStats {
	f.t.Helper()
	all := make(map[string][]clientStats)
	f.Flush(force, func(tenant, org string, p intake.Payload) bool {
		decoded, err := decodeItems(p.Body)
		if err != nil {
			f.t.Fatal(err)
		}
		if len(decoded) != len(p.Items) || int(p.Items[len(p.Items)-1].End) != len(p.Body) {
			f.t.Fatalf("%d items in the body, %d in the table", len(decoded), len(p.Items))
		}
		for i, c := range decoded {
			if int(p.Items[i].Count) != len(c.Groups) || p.Items[i].Unix != int64(c.Start+c.Duration)/second {
				f.t.Errorf("item %+v for %d groups of %d", p.Items[i], len(c.Groups), c.Start)
			}
			slices.SortFunc(c.Groups, func(a, b groupedStats) int { return cmp.Compare(a.Resource, b.Resource) })
		}
		slices.SortFunc(decoded, func(a, b clientStats) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Env, b.Env)) })
		all[tenant+" "+org] = decoded
		return true
	})
	return all
}

// hits tells what was flushed of one tenant, as "seconds after start: resource×hits".
func hits(all []clientStats) string {
	var b []string
	for _, c := range all {
		for _, g := range c.Groups {
			b = append(b, fmt.Sprintf("%d: %s×%d", (int64(c.Start)-start)/second, g.Resource, g.Hits))
		}
	}
	return strings.Join(b, ", ")
}

func TestGroupHoldsWhatItsSpansSay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	c := apmstats.Chunk{Env: "prod", Hostname: "web-1", Version: "1.2", ContainerID: "c1", GitCommitSha: "abc", Lang: "go", BaseService: "base", Origin: "synthetics-browser", SampleRate: 0.25}
	s := apmstats.Span{
		Service: "shop", Name: "grpc.client.request", Resource: "shop.Cart/Add", Type: "http", Kind: "client", ServiceSource: "m",
		HTTPStatus: 503, GRPCStatus: "Unavailable", Start: start, Duration: 2 * second, Failed: true,
		PeerTags: []apmstats.Tag{{Key: "peer.service", Value: "cart"}, {Key: "server.address", Value: "10.1.2.3:80,host"}},
	}
	ok := s
	ok.Failed, ok.Duration, ok.TopLevel = false, 0, true
	f.add("acme", c, s, s, ok)
	got := f.flush(true)
	bin := map[int]float64{1070: 2} // ln(2e9)/ln(gamma) is 1070.9
	want := map[string][]clientStats{"acme org-of-acme": {{
		Env: "prod", Hostname: "web-1", Version: "1.2", ContainerID: "c1", GitCommitSha: "abc", Lang: "go", Service: "base",
		Start: uint64(start), Duration: uint64(10 * second), Groups: []groupedStats{{
			Service: "shop", Name: "grpc.client.request", Resource: "shop.Cart/Add", Type: "http", Kind: "client", GRPC: "14", Source: "m", HTTP: 503,
			Hits: 12, Errors: 8, Duration: uint64(16 * second), TopLevelHits: 4, Synthetics: true, Root: 2,
			Peers: []string{"peer.service:cart", "server.address:blocked-ip-address:80,host"},
			Ok:    sketched{Zeros: 1, Bins: map[int]float64{}}, Failed: sketched{Bins: bin},
		}},
	}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestWhichSpansCount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*apmstats.Span)
		byKind bool
		want   bool
	}{
		"a span that enters a service":     {func(s *apmstats.Span) { s.Kind = "internal" }, true, true},
		"one that asks for it":             {func(s *apmstats.Span) { s.Kind, s.TopLevel, s.Measured = "internal", false, true }, false, true},
		"an internal one":                  {func(s *apmstats.Span) { s.Kind, s.TopLevel = "internal", false }, true, false},
		"a call":                           {func(s *apmstats.Span) { s.Kind, s.TopLevel = "client", false }, true, true},
		"a call, in capitals":              {func(s *apmstats.Span) { s.Kind, s.TopLevel = "CLIENT", false }, true, true},
		"a call, where kinds do not":       {func(s *apmstats.Span) { s.Kind, s.TopLevel = "client", false }, false, false},
		"a served one":                     {func(s *apmstats.Span) { s.TopLevel = false }, true, true},
		"an image of one that is not over": {func(s *apmstats.Span) { s.Partial = true }, true, false},
	} {
		f := newFixture(t, func(o *apmstats.Options) { o.BySpanKind = c.byKind })
		s := entry("r", 0)
		c.change(&s)
		f.add("acme", apmstats.Chunk{}, s)
		if got := len(f.flush(true)) > 0; got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestPeerTagsThatApply(t *testing.T) {
	t.Parallel()
	tags := []apmstats.Tag{{Key: "_dd.base_service", Value: "base"}, {Key: "peer.service", Value: "cart"}}
	for kind, want := range map[string]string{
		"client": "_dd.base_service:base peer.service:cart", "Producer": "_dd.base_service:base peer.service:cart", "consumer": "_dd.base_service:base peer.service:cart",
		"server": "", "internal": "_dd.base_service:base", "": "_dd.base_service:base", "unspecified": "",
	} {
		f := newFixture(t, nil)
		s := entry("r", 0)
		s.Kind, s.PeerTags, s.BaseService = kind, tags, "base"
		f.add("acme", apmstats.Chunk{}, s)
		if got := strings.Join(f.flush(true)["acme org-of-acme"][0].Groups[0].Peers, " "); got != want {
			t.Errorf("kind %q: %q, want %q", kind, got, want)
		}
	}
}

// TestBuckets has the life of two buckets: what is flushed when, and where spans go that come late, or early.
func TestBuckets(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.now = start + 5*second
	f.add("acme", apmstats.Chunk{}, entry("ends now", 5), entry("ends before the start", -3), entry("ends in the future", 17))
	if f.late != 1 {
		t.Errorf("%d late, want 1", f.late)
	}
	f.now = start + 10*second
	if got := f.flush(false); len(got) != 0 {
		t.Errorf("flushed after one interval: %v", got)
	}
	f.add("acme", apmstats.Chunk{}, entry("previous bucket", 9), entry("this bucket", 10))
	f.now = start + 20*second
	if got, want := hits(f.flush(false)["acme org-of-acme"]), "0: ends before the start×1, 0: ends in the future×1, 0: ends now×1, 0: previous bucket×1"; got != want {
		t.Errorf("flushed %s, want %s", got, want)
	}
	f.add("acme", apmstats.Chunk{}, entry("too late for its bucket", 9))
	if f.late != 2 {
		t.Errorf("%d late, want 2", f.late)
	}
	f.now = start + 21*second
	if got, want := hits(f.flush(true)["acme org-of-acme"]), "10: this bucket×1, 10: too late for its bucket×1"; got != want {
		t.Errorf("at the end %s, want %s", got, want)
	}
	if got := f.flush(true); len(got) != 0 {
		t.Errorf("flushed twice: %v", got)
	}
}

// TestTheOldestBucketIsThatOfAllTenants: a tenant that was quiet is in no other bucket than one that was not.
func TestTheOldestBucketIsThatOfAllTenants(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.now = start + 40*second
	f.flush(false)
	f.add("acme", apmstats.Chunk{}, entry("in time", 31), entry("late", 29))
	if got, want := hits(f.flush(true)["acme org-of-acme"]), "30: in time×1, 30: late×1"; got != want || f.late != 1 {
		t.Errorf("%s, %d late; want %s, 1 late", got, f.late, want)
	}
}

func TestOnlyCommitCounts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	x := f.Begin("acme", "org")
	x.Chunk(&apmstats.Chunk{})
	s := entry("r", 0)
	x.Span(&s)
	x.Rollback()
	y := f.Begin("globex", "org") // most likely in the same memory
	y.Commit()
	if got := f.flush(true); len(got) != 0 {
		t.Errorf("a rollback left %v", got)
	}
}

// TestTenantsAndOrganisationsAreApart: the stats of a tenant that connects another organisation belong to the former one.
func TestTenantsAndOrganisationsAreApart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	f.add("acme", apmstats.Chunk{}, entry("of acme", 0))
	f.add("globex", apmstats.Chunk{}, entry("of globex", 0))
	x := f.Begin("acme", "another")
	x.Chunk(&apmstats.Chunk{})
	s := entry("of acme's other", 0)
	x.Span(&s)
	x.Commit()
	got := make(map[string]string)
	for owner, all := range f.flush(true) {
		got[owner] = hits(all)
	}
	want := map[string]string{"acme org-of-acme": "0: of acme×1", "globex org-of-globex": "0: of globex×1", "acme another": "0: of acme's other×1"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestPayloadsAreApart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *apmstats.Options) { o.AgentHost = "agent" })
	for _, c := range []apmstats.Chunk{{}, {Env: "a"}, {Env: "a"}, {Env: "b"}, {Env: "c", Hostname: "h"}} {
		f.add("acme", c, entry("r", 0))
	}
	var got []string
	for _, c := range f.flush(true)["acme org-of-acme"] {
		got = append(got, fmt.Sprint(c.Env, " ", c.Hostname, " ", c.Groups[0].Hits))
	}
	if want := []string{"a agent 2", "b agent 1", "c h 1", "none agent 1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAWeightThatIsNoneIsOne(t *testing.T) {
	t.Parallel()
	for rate, want := range map[float64]uint64{0: 1, -1: 1, 1: 1, 1.5: 1, 0.5: 2, 0.1: 10} {
		f := newFixture(t, nil)
		f.add("acme", apmstats.Chunk{SampleRate: rate}, entry("r", 0))
		if got := f.flush(true)["acme org-of-acme"][0].Groups[0].Hits; got != want {
			t.Errorf("rate %v: %d hits, want %d", rate, got, want)
		}
	}
}

// TestFractionsAreRoundedFairly: three quarters of the sums of 1.75 are 2.
func TestFractionsAreRoundedFairly(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *apmstats.Options) { o.MaxKeysPerTenant = 4000 })
	for i := range 4000 {
		f.add("acme", apmstats.Chunk{SampleRate: 4.0 / 7}, entry(fmt.Sprint(i), 0))
	}
	var sum uint64
	for _, c := range f.flush(true)["acme org-of-acme"] {
		for _, g := range c.Groups {
			if sum += g.Hits; g.Hits != 1 && g.Hits != 2 {
				t.Fatalf("1.75 became %d", g.Hits)
			}
		}
	}
	if sum < 6800 || sum > 7200 { // 7 deviations
		t.Errorf("4000 times 1.75 became %d", sum)
	}
}

// TestAFlushThatStopsLeavesTheOthers: each tenant's stats are handed out once, in the flush that takes them.
func TestAFlushThatStopsLeavesTheOthers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	for _, tenant := range []string{"acme", "globex", "initech"} {
		f.add(tenant, apmstats.Chunk{}, entry("GET /", 5))
	}
	f.now = start + 60*second
	got := make(map[string]int)
	for range 4 {
		calls := 0
		f.Flush(false, func(tenant, _ string, _ intake.Payload) bool {
			got[tenant]++
			calls++
			return false
		})
		if calls > 1 {
			t.Errorf("%d tenants in one flush, after the first said stop", calls)
		}
	}
	if want := map[string]int{"acme": 1, "globex": 1, "initech": 1}; !maps.Equal(got, want) {
		t.Errorf("flushed %v, want %v", got, want)
	}
}

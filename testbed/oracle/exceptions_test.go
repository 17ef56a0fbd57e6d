package oracle

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/DataDog/datadog-agent/pkg/opentelemetry-mapping-go/otlp/metrics"
	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/proto"
)

// witness shows what one exception is about: with Datadog's side as it is in that point, a small input makes these differences and no other,
// and with the exception none.
type witness struct {
	x exception
	// input is OTLP JSON of a resource, short: see resourceJSON.
	metrics, log, span string
	resource           string
	// want are the differences, each "field: ours → theirs".
	want []string
	mode string // of metrics or traces; the default one without it
	// avoided says that Datadog's side cannot be changed by it: all other inputs keep clear of it.
	avoided bool
	// with are settings of ours with which it occurs, without those with which it does not.
	with, without settings
}

const webHost = `{"key":"host.name","value":{"stringValue":"web-1"}}`

func attrsJSON(keysAndTexts ...string) string {
	var all []string
	for i := 0; i < len(keysAndTexts); i += 2 {
		all = append(all, fmt.Sprintf(`{"key":%q,"value":{"stringValue":%q}}`, keysAndTexts[i], keysAndTexts[i+1]))
	}
	return strings.Join(all, ",")
}

// gauge is one point, growing is one of a monotonic sum that began after the test did.
const (
	gauge   = `{"name":"g","gauge":{"dataPoints":[{"timeUnixNano":"@-10s","asInt":"7"}]}}`
	growing = `{"name":"s","sum":{"aggregationTemporality":2,"isMonotonic":true,"dataPoints":[{"startTimeUnixNano":"@-0s","timeUnixNano":"@-1ms","asInt":"7"}]}}`
	// replicas are two points of a count that nothing tells apart.
	replicas = `{"name":"s","sum":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"@-10s","asInt":"3"},{"timeUnixNano":"@-10s","asInt":"4"}]}}`
	// uncounted has buckets that grow while the count stays.
	uncounted = `{"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[
		{"startTimeUnixNano":"@-60s","timeUnixNano":"@-20s","count":"1","sum":1,"explicitBounds":[1],"bucketCounts":["1","0"]},
		{"startTimeUnixNano":"@-60s","timeUnixNano":"@-10s","count":"1","sum":1,"explicitBounds":[1],"bucketCounts":["2","0"]}]}}`
	// redeployed has other bounds for a while.
	redeployed = `{"name":"h","histogram":{"aggregationTemporality":2,"dataPoints":[
		{"startTimeUnixNano":"@-60s","timeUnixNano":"@-30s","count":"1","sum":1,"explicitBounds":[1],"bucketCounts":["1","0"]},
		{"startTimeUnixNano":"@-60s","timeUnixNano":"@-20s","count":"1","sum":1,"explicitBounds":[2],"bucketCounts":["1","0"]},
		{"startTimeUnixNano":"@-60s","timeUnixNano":"@-10s","count":"2","sum":2,"explicitBounds":[1],"bucketCounts":["2","0"]}]}}`
	// endless has a maximum that is no number.
	endless = `{"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[
		{"timeUnixNano":"@-10s","count":"1","sum":1,"explicitBounds":[1],"bucketCounts":["1","0"],"max":"Infinity"}]}}`
)

// record, of one log record's JSON fields; clientSpan, of its attributes.
func clientSpan(attrs string) string {
	return `{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"0000000000000001","name":"n","kind":3,"startTimeUnixNano":"@-20s","endTimeUnixNano":"@-19s","attributes":[` + attrs + `]}`
}

var witnesses = []witness{
	{x: noFallbackHost, metrics: gauge, want: []string{"host:  → " + fallbackHost}},
	{x: noFallbackHost, span: clientSpan(""), want: []string{
		`header: host "" env "none" tags map[] target 10 error 10 rare false → (absent)`, "payload hostname:  → " + fallbackHost,
	}},
	{x: firstValuesSinceTheExporter, metrics: growing, want: []string{"missing:  → "}, avoided: true},
	{x: sketchesAreFinite, metrics: uncounted, want: []string{"missing:  → "}},
	{x: oldBoundsAreForgotten, metrics: redeployed, want: []string{"missing:  → "}, avoided: true},
	{x: namesBeginWithALetter, metrics: strings.Replace(gauge, `"g"`, `"7up"`, 1), want: []string{"missing:  → "}, avoided: true},
	{x: countsAreAddedUp, metrics: replicas, want: []string{"value: 7 → 4"}},
	{x: extremaAreFinite, metrics: endless, mode: "nobuckets", want: []string{"missing:  → "}},

	{x: oneLogLayer, log: `{"body":{"stringValue":"hi"},"attributes":[` + attrsJSON("a", "b") + `]}`, want: []string{
		`a: "b" → (absent)`, `message: "hi" → "{\"a\":\"b\",\"message\":\"hi\",\"status\":\"\"}"`,
	}},
	{x: emptyFieldsAreAbsent, log: `{"attributes":[` + attrsJSON("hostname", "") + `]}`, resource: webHost, want: []string{
		`hostname: "web-1" → ""`, `status: "info" → ""`,
	}},
	{x: logSourceWins, log: `{"attributes":[` + attrsJSON("ddsource", "nginx", "datadog.log.source", "apache") + `]}`, want: []string{`ddsource: "apache" → "nginx"`}},
	{
		x: tagsOfAttributesAdd, resource: attrsJSON("service.name", "web", "ddtags", "a:b"), log: `{"body":{"stringValue":"hi"}}`,
		want: []string{"ddtags: a:b|otel_source:datadog_exporter|service:web → a:b"},
	},
	{x: reservedFieldsAreText, log: `{"attributes":[{"key":"service","value":{"intValue":"7"}}]}`, want: []string{`service: "7" → 7`}},
	{
		x: emptyKeysInArrays, log: `{"attributes":[{"key":"list","value":{"arrayValue":{"values":[{"kvlistValue":{"values":[` + attrsJSON("", "x", "k", "y") + `]}}]}}}]}`,
		want: []string{`list: [{"":"x","k":"y"}] → ["x"]`},
	},

	{x: sqlByLexer, span: clientSpan(attrsJSON("db.system", "postgresql", "db.statement", "INSERT INTO t (a) VALUES (1), (2)")), want: []string{
		"meta db.statement: INSERT INTO t ( a ) VALUES ( ? ), ( ? ) → INSERT INTO t ( a ) VALUES ( ? )",
		"resource: INSERT INTO t ( a ) VALUES ( ? ), ( ? ) → INSERT INTO t ( a ) VALUES ( ? )",
	}},
	{x: textIsUTF8, span: clientSpan(attrsJSON("db.system", "postgresql", "db.statement", "SELECT @ü")), want: []string{
		"meta db.statement: SELECT @\ufffd \ufffd → SELECT @\xc3 \xbc", "resource: SELECT @\ufffd \ufffd → SELECT @\xc3 \xbc",
	}},
	{
		x: obfuscationIsOn, span: clientSpan(attrsJSON("db.system", "redis", "redis.raw_command", "SET k secret")),
		want: []string{"meta redis.raw_command: SET k ? → SET k secret"},
	},
	{
		x: statementsOfAnySpan, span: strings.Replace(clientSpan(attrsJSON("db.system", "postgresql", "db.statement", "SELECT 7")), `"kind":3`, `"kind":1`, 1),
		want: []string{"meta db.statement: SELECT ? → SELECT 7", "resource: SELECT ? → SELECT 7"},
	},
	{
		x: unknownRedisCommands, span: clientSpan(attrsJSON("db.system", "redis", "redis.raw_command", "EVAL x 1 secret")),
		want: []string{"meta redis.raw_command: EVAL ? → EVAL x 1 secret"},
	},
	{
		x: parametersAreHidden, span: clientSpan(attrsJSON("db.system", "postgresql", "db.statement", "SELECT ?", "db.query.parameter.0", "secret")),
		want: []string{"meta db.query.parameter.0: ? → secret"},
	},
	{
		x: statementsAsNames, mode: "span_name_as_resource_name",
		span: strings.Replace(clientSpan(attrsJSON("db.system", "postgresql")), `"name":"n"`, `"name":"SELECT 'secret'"`, 1),
		want: []string{"name: SELECT → SELECT_secret"},
	},
	{x: urlsOfAnySpan, span: clientSpan(attrsJSON("http.target", "/a?b=secret")), want: []string{"meta http.target: /a? → /a?b=secret"}},
	{
		x: mysqlByItsSystem, span: clientSpan(attrsJSON("db.system", "mysql", "sql.query", `SELECT * FROM t WHERE a = "b"`)),
		want: []string{"meta sql.query: SELECT * FROM t WHERE a = ? → SELECT * FROM t WHERE a = b"},
	},
	{
		x: emptySQLIsNamed, span: clientSpan(attrsJSON("db.system", "mssql", "db.statement", "-- nothing")),
		want: []string{"meta db.statement: Non-parsable SQL query → ", "resource: Non-parsable SQL query → "},
	},
	{x: emptyResourceIsName, span: clientSpan(attrsJSON("span.type", "redis", "resource.name", "\n ")), want: []string{"resource: client.request → "}},
	{x: noAppAnalytics, span: clientSpan(attrsJSON("analytics.event", "true")), want: []string{
		"metrics _dd.analyzed: (absent) → 1", "metrics _dd1.sr.eausr: 1 → (absent)",
	}},
	{
		x: highPriorityKeeps, span: clientSpan(`{"key":"sampling.priority","value":{"intValue":"3"}}`),
		want: []string{"extra:  → "},
	},
}

func TestExceptionsOccurAsDescribed(t *testing.T) {
	t.Parallel()
	r := newReport("exceptions")
	defer r.print(t, newExceptions())
	w := newWorld(t)
	for _, x := range slices.Concat(witnesses, boundWitnesses) {
		kept := differencesOf(t, w, x, x.without, newExceptions())
		got := differencesOf(t, w, x, x.with, newExceptions().without(x.x))
		ok := len(got) > 0 && slices.Equal(got, x.want) && (x.avoided || len(kept) == 0)
		if !ok {
			t.Errorf("%s:\n  as Datadog's exporter does it %q\n                        want    %q\n  with the exception %q, want none", x.x.name, got, x.want, kept)
		}
		r.add(x.x.name, ok)
	}
}

// differencesOf sends the input of a witness both ways, with more settings of ours. Of traces the spans are compared.
func differencesOf(t *testing.T, w *world, x witness, ours settings, used exceptions) []string {
	t.Helper()
	var o outcome
	var err error
	now := time.Now()
	switch {
	case x.metrics != "":
		o, err = sendJSON(t, metricsCodec, now, `{"resourceMetrics":[{"resource":{"attributes":[%s]},"scopeMetrics":[{"metrics":[%s]}]}]}`, x.resource, x.metrics,
			func(ctx context.Context, d []pmetric.Metrics) (outcome, error) {
				mode := metricsModes[max(slices.IndexFunc(metricsModes, func(m metricsMode) bool { return m.name == x.mode }), 0)]
				if ours != nil {
					mode.ours = ours
				}
				return w.metricsBothWays(mode, used)(ctx, d)
			})
	case x.log != "":
		o, err = sendJSON(t, logsCodec, now, `{"resourceLogs":[{"resource":{"attributes":[%s]},"scopeLogs":[{"logRecords":[%s]}]}]}`, x.resource, x.log,
			func(ctx context.Context, d []plog.Logs) (outcome, error) {
				mode := logsModes[0]
				if ours != nil {
					mode.ours = ours
				}
				return w.logsBothWays(mode, used)(ctx, d)
			})
	default:
		mode := traceModes[max(slices.IndexFunc(traceModes, func(m traceMode) bool { return m.name == x.mode }), 0)]
		if ours != nil {
			mode.ours = ours
		}
		a, errAgent := newTraceAgent(t.Context(), mode, used)
		if errAgent != nil {
			t.Fatal(errAgent)
		}
		o, err = sendJSON(t, tracesCodec, now, `{"resourceSpans":[{"resource":{"attributes":[%s]},"scopeSpans":[{"spans":[%s]}]}]}`, x.resource, x.span,
			func(ctx context.Context, d []ptrace.Traces) (outcome, error) { return w.tracesBothWays(a)(ctx, d) })
	}
	if err != nil {
		t.Fatalf("%s: %v", x.x.name, err)
	}
	texts := []string{}
	for _, d := range o.differences() {
		if !strings.HasPrefix(d.group, "stats ") { // they follow from the span
			texts = append(texts, d.field+": "+d.ours+" → "+d.theirs)
		}
	}
	return texts
}

func sendJSON[D any](t *testing.T, c codec[D], now time.Time, format, resource, item string, both func(context.Context, []D) (outcome, error)) (outcome, error) {
	t.Helper()
	d, err := c.unmarshal([]byte(absoluteTimes(fmt.Sprintf(format, resource, item), now)))
	if err != nil {
		t.Fatal(err)
	}
	return both(t.Context(), []D{d})
}

// Of error traces with priority 0 Datadog's agent keeps ten a second.
func TestErrorTracesOfPriorityZeroAreKept(t *testing.T) {
	t.Parallel()
	const traces = 200
	d := ptrace.NewTraces()
	spans := d.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range traces {
		s := spans.AppendEmpty()
		s.SetTraceID([16]byte{14: byte(i / 256), 15: byte(i%256 + 1), 7: byte(i)})
		s.SetSpanID(idOf(uint64(i + 1)))
		s.SetStartTimestamp(1_700_000_000_000_000_000)
		s.SetEndTimestamp(1_700_000_000_000_000_005)
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Attributes().PutInt("sampling.priority", 0)
	}
	w := newWorld(t)
	for _, used := range []exceptions{newExceptions(), newExceptions().without(sampledByPriority)} {
		a, err := newTraceAgent(t.Context(), traceModes[0], used)
		if err != nil {
			t.Fatal(err)
		}
		o, err := w.tracesBothWays(a)(t.Context(), []ptrace.Traces{d})
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := countSpans(o.ours), countSpans(o.theirs)
		limited := used.off == sampledByPriority
		if ours != traces || limited != (theirs < traces) {
			t.Errorf("with a limit at Datadog's agent: %v: %d and %d of %d traces", limited, ours, theirs, traces)
		}
	}
}

func countSpans(items []item) (n int) {
	for _, it := range items {
		if strings.HasPrefix(it.group, "span ") {
			n++
		}
	}
	return n
}

// heard is a consumer that takes the hosts of which Datadog's exporter makes heartbeats.
type heard struct {
	metricsConsumer
	hosts []string
}

// ConsumeHost implements metrics.HostConsumer.
func (h *heard) ConsumeHost(host string) { h.hosts = append(h.hosts, host) }

func TestNoHeartbeats(t *testing.T) {
	t.Parallel()
	d, err := metricsCodec.unmarshal([]byte(absoluteTimes(`{"resourceMetrics":[{"resource":{"attributes":[`+webHost+`]},"scopeMetrics":[{"metrics":[`+gauge+`]}]}]}`, time.Now())))
	if err != nil {
		t.Fatal(err)
	}
	used := newExceptions()
	tr, err := newMetricsTranslator(metricsModes[0], used)
	if err != nil {
		t.Fatal(err)
	}
	c := heard{metricsConsumer: metricsConsumer{used: used}}
	if _, err := tr.MapMetrics(t.Context(), d, &c, nil); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.hosts, []string{"web-1"}) {
		t.Errorf("Datadog's translator tells of the hosts %q, want web-1", c.hosts)
	}
	o, err := newWorld(t).metricsBothWays(metricsModes[0], used)(t.Context(), []pmetric.Metrics{d})
	if err != nil || len(o.ours) != 1 {
		t.Errorf("we send %v (%v), want one point", o.ours, err)
	}
}

// A sum dd.internal.stats.payload is no metric to either side. Datadog's exporter sends on what it holds.
func TestStatsOfOthersAreDropped(t *testing.T) {
	t.Parallel()
	payload := &pb.StatsPayload{Stats: []*pb.ClientStatsPayload{{Hostname: "of-others", Stats: []*pb.ClientStatsBucket{{Stats: []*pb.ClientGroupedStats{{Service: "s", Hits: 1}}}}}}}
	raw, err := proto.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	d := pmetric.NewMetrics()
	m := d.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	m.SetName("dd.internal.stats.payload")
	sum := m.SetEmptySum()
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	p := sum.DataPoints().AppendEmpty()
	p.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	p.SetIntValue(1)
	p.Attributes().PutEmptyBytes("dd.internal.stats.payload").FromRaw(raw)

	used, sent := newExceptions(), make(chan []byte, 1)
	mode := metricsModes[0]
	mode.theirs = append(slices.Clone(mode.theirs), metrics.WithStatsOut(sent))
	o, err := newWorld(t).metricsBothWays(mode, used)(t.Context(), []pmetric.Metrics{d})
	if err != nil || len(o.ours) != 0 || len(o.theirs) != 0 {
		t.Errorf("%v: we send %v, they %v, want nothing", err, o.ours, o.theirs)
	}
	if len(sent) != 1 || string(<-sent) != string(raw) {
		t.Error("Datadog's translator does not hand the stats on")
	}
}

// Each exception is in the mapping's documentation, with its reason in the same words, and each has a witness or a test of its own.
func TestExceptionsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	tested := map[exception]bool{
		noHeartbeats: true, statsOfOthersAreDropped: true, sampledByPriority: true, malformedHistogramCostsItselfOnly: true,
		callsAreBounded: true, chunksAreSplit: true, statsAreCapped: true, bucketsAreApart: true, piecesKeepTheCommit: true, largeStatsAreSplit: true, noNumberWeighsOne: true,
	}
	for _, w := range slices.Concat(witnesses, boundWitnesses) {
		tested[w.x] = true
	}
	for _, x := range allExceptions {
		if row := "| " + x.name + " | " + x.reason + " |"; !strings.Contains(string(text), row) {
			t.Errorf("docs/mapping.md lacks the row\n%s", row)
		}
		if !tested[x] {
			t.Errorf("%s: nothing shows that it occurs", x.name)
		}
	}
	if n := strings.Count(string(text), "<!-- exceptions -->"); n != 1 {
		t.Errorf("docs/mapping.md has %d marks of its exceptions, want one", n)
	}
	_, rows, _ := strings.Cut(string(text), "<!-- exceptions -->")
	if n := strings.Count(rows, "\n| ") - strings.Count(rows, "\n| Exception |"); n != len(allExceptions) {
		t.Errorf("docs/mapping.md has %d exceptions, the code %d", n, len(allExceptions))
	}
}

package oracle

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	gzip "github.com/DataDog/datadog-agent/comp/trace/compression/impl-gzip"
	"github.com/DataDog/datadog-agent/pkg/obfuscate"
	"github.com/DataDog/datadog-agent/pkg/opentelemetry-mapping-go/otlp/attributes"
	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/DataDog/datadog-agent/pkg/trace/agent"
	"github.com/DataDog/datadog-agent/pkg/trace/api"
	"github.com/DataDog/datadog-agent/pkg/trace/config"
	"github.com/DataDog/datadog-agent/pkg/trace/event"
	"github.com/DataDog/datadog-agent/pkg/trace/stats"
	"github.com/DataDog/datadog-agent/pkg/trace/telemetry"
	"github.com/DataDog/datadog-agent/pkg/trace/writer"
	"github.com/DataDog/datadog-go/v5/statsd"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// traceAgent is Datadog's side of traces: the OTLP receiver and the agent behind it, as Datadog's exporter sets them up, with APM stats on. What
// the agent would send is caught before it is serialised.
type traceAgent struct {
	mode   traceMode
	config *config.AgentConfig
	agent  *agent.Agent
	// concentrator makes the stats of one load.
	concentrator *stats.Concentrator
	chunks       []*pb.TraceChunk    // of one payload: what WriteChunks got
	sent         []*pb.TracerPayload // of one load
	used         exceptions
	// statements are the keys of spans under which there was SQL before obfuscation.
	statements map[*pb.Span][]string
	// raw is what spans held before obfuscation.
	raw        map[*pb.Span]rawSpan
	obfuscator *obfuscate.Obfuscator
	// operations are the names of spans that became operation names.
	operations map[spanKey]string
	// dialects has the spans that were given a db.type, and whether they had an empty one before.
	dialects map[*pb.Span]bool
}

// traceMode is one configuration of both sides that must mean the same.
type traceMode struct {
	name    string
	ours    settings // keys below traces, and those of the exporter
	theirs  func(*config.AgentConfig)
	noHosts bool
}

// traceModes are the options, each beside the default, which is the first.
var traceModes = []traceMode{
	{name: "default"},
	{
		name: "compute_stats_by_span_kind: false", ours: settings{"traces": settings{"compute_stats_by_span_kind": false}},
		theirs: func(c *config.AgentConfig) { c.ComputeStatsBySpanKind = false },
	},
	{
		name: "peer_tags_aggregation: false", ours: settings{"traces": settings{"peer_tags_aggregation": false}},
		theirs: func(c *config.AgentConfig) { c.PeerTagsAggregation = false },
	},
	{
		name: "peer_tags", ours: settings{"traces": settings{"peer_tags": []any{"peer.other", "db.user", "plain"}}},
		theirs: func(c *config.AgentConfig) { c.PeerTags = []string{"peer.other", "db.user", "plain"} },
	},
	{
		name: "ignore_resources", ours: settings{"traces": settings{"ignore_resources": ignoredResources}},
		theirs: func(c *config.AgentConfig) { c.Ignore["resource"] = slices.Clone(ignoredResources) },
	},
	{
		name: "span_name_as_resource_name", ours: settings{"traces": settings{"span_name_as_resource_name": true}},
		theirs: func(c *config.AgentConfig) { c.OTLPReceiver.SpanNameAsResourceName = true },
	},
	{
		name: "span_name_remappings", ours: settings{"traces": settings{"span_name_remappings": otherNames}},
		theirs: func(c *config.AgentConfig) { c.OTLPReceiver.SpanNameRemappings = remapped() },
	},
	{
		name: "span_name_as_resource_name and span_name_remappings",
		ours: settings{"traces": settings{"span_name_as_resource_name": true, "span_name_remappings": otherNames}},
		theirs: func(c *config.AgentConfig) {
			c.OTLPReceiver.SpanNameAsResourceName, c.OTLPReceiver.SpanNameRemappings = true, remapped()
		},
	},
	{
		name: "compute_top_level_by_span_kind", ours: settings{"traces": settings{"compute_top_level_by_span_kind": true}},
		theirs: func(c *config.AgentConfig) { c.Features["enable_otlp_compute_top_level_by_span_kind"] = struct{}{} },
	},
	{name: "resource_host: drop", ours: settings{"resource_host": "drop"}, noHosts: true},
	{name: "hostname", ours: settings{"hostname": fallbackHost}, theirs: func(c *config.AgentConfig) { c.Hostname = fallbackHost }},
}

func newTraceAgent(ctx context.Context, mode traceMode, used exceptions) (*traceAgent, error) {
	attrs, err := attributes.NewTranslator(componenttest.NewNopTelemetrySettings())
	if err != nil {
		return nil, err
	}
	cfg := config.New()
	cfg.Endpoints[0].APIKey = "none" // nothing is sent
	cfg.Hostname = ""
	if used.off == noFallbackHost {
		cfg.Hostname = fallbackHost
	}
	cfg.ReceiverEnabled = false
	cfg.TraceBuffer = 1
	cfg.OTLPReceiver.AttributesTranslator = attrs
	if used.off != sqlByLexer {
		cfg.SQLObfuscationMode = string(obfuscate.ObfuscateAndNormalize)
	}
	if used.off != obfuscationIsOn {
		cfg.Obfuscation = obfuscation()
	}
	if used.off != sampledByPriority {
		cfg.TargetTPS, cfg.ErrorTPS = 1e9, 1e9 // at low volume no rate is below 1
	}
	cfg.BucketInterval = bucketLength
	cfg.ComputeStatsBySpanKind = true
	cfg.PeerTagsAggregation = true
	if mode.theirs != nil {
		mode.theirs(cfg)
	}
	a := &traceAgent{mode: mode, config: cfg, agent: agent.NewAgent(ctx, cfg, telemetry.NewNoopCollector(), &statsd.NoOpClient{}, gzip.NewComponent()), used: used, statements: make(map[*pb.Span][]string), dialects: make(map[*pb.Span]bool), raw: make(map[*pb.Span]rawSpan), operations: make(map[spanKey]string)}
	a.obfuscator = obfuscate.NewObfuscator(cfg.Obfuscation.Export(cfg))
	a.agent.TraceWriter = a
	a.agent.Concentrator = a
	a.restart()
	a.agent.SpanModifier = a
	if used.off != noAppAnalytics {
		a.agent.EventProcessor = event.NewProcessor(nil, 0, &statsd.NoOpClient{})
	}
	return a, nil
}

// translate returns what the agent would send for a load.
func (a *traceAgent) translate(ctx context.Context, load []ptrace.Traces) ([]item, error) {
	a.sent = nil
	a.restart()
	clear(a.statements)
	clear(a.dialects)
	clear(a.raw)
	clear(a.operations)
	for _, d := range load {
		if err := a.receive(ctx, d); err != nil {
			return nil, err
		}
	}
	var items []item
	for _, p := range a.sent {
		items = append(items, payloadItems(p)...)
	}
	return append(items, a.flush()...), nil
}

// receive takes one payload, and leaves it as it is.
func (a *traceAgent) receive(ctx context.Context, d ptrace.Traces) error {
	own := ptrace.NewTraces()
	d.CopyTo(own)
	for _, rs := range own.ResourceSpans().All() {
		order := arrival(rs)
		a.noteOperations(rs)
		if _, err := a.agent.OTLPReceiver.ReceiveResourceSpans(ctx, rs, http.Header{}, nil); err != nil {
			return err
		}
		p := <-a.agent.In
		a.prepare(p, order)
		a.process(p)
	}
	return nil
}

// process hands the chunks of a payload to the agent one after another. What spans say about the payload is carried on, so that the result
// is the same as with all at once, but for the order: the agent puts the last chunk in the place of each that it drops.
func (a *traceAgent) process(p *api.Payload) {
	whole, chunks := p.TracerPayload, p.TracerPayload.Chunks
	a.chunks = nil
	for _, c := range chunks {
		whole.Chunks = []*pb.TraceChunk{c}
		a.agent.Process(p)
	}
	whole.Chunks = a.chunks
	if a.mode.noHosts { // the agent reads it from resources and from _dd.hostname of spans
		whole.Hostname = ""
	}
	a.sent = append(a.sent, whole)
}

// arrival ranks traces by their first span.
func arrival(rs ptrace.ResourceSpans) map[uint64]int {
	order := make(map[uint64]int)
	for _, ss := range rs.ScopeSpans().All() {
		for _, s := range ss.Spans().All() {
			id := lowBits(s.TraceID())
			if _, ok := order[id]; !ok {
				order[id] = len(order)
			}
		}
	}
	return order
}

// prepare brings chunks, whose order is random, into that of their arrival, since values of the first go to the payload.
func (a *traceAgent) prepare(p *api.Payload, order map[uint64]int) {
	slices.SortFunc(p.TracerPayload.Chunks, func(x, y *pb.TraceChunk) int {
		return cmp.Compare(order[x.Spans[0].TraceID], order[y.Spans[0].TraceID])
	})
	for _, c := range p.TracerPayload.Chunks {
		asked, ok := askedPriority(c)
		if ok && asked > 2 && a.used.off != highPriorityKeeps {
			a.used.use(highPriorityKeeps)
			c.Priority = 2
			c.Spans[0].Meta["_dd.p.dm"] = "-4"
		}
		if ok && asked < -1 {
			c.Priority = -1 // the same, but for numbers that do not fit into Datadog's int8
		}
	}
}

// askedPriority is what the last span that asks for a priority asks for.
func askedPriority(c *pb.TraceChunk) (asked float64, ok bool) {
	for _, s := range slices.Backward(c.Spans) {
		if asked, ok = s.Metrics["_sampling_priority_v1"]; ok {
			return asked, ok
		}
	}
	return 0, false
}

// ModifySpan implements agent.SpanModifier. It is called before obfuscation.
func (a *traceAgent) ModifySpan(_ *pb.TraceChunk, s *pb.Span) {
	a.raw[s] = newRawSpan(s)
	if s.Type == "sql" || s.Type == "cassandra" {
		for _, key := range sqlKeys {
			if s.Meta[key] != "" {
				a.statements[s] = append(a.statements[s], key)
			}
		}
	}
	system := cmp.Or(s.Meta["db.system.name"], s.Meta["db.system"])
	if a.used.off != mysqlByItsSystem && s.Meta["db.type"] == "" && (s.Type == "sql" || s.Type == "cassandra") && (system == "mysql" || system == "mariadb") {
		a.used.use(mysqlByItsSystem)
		_, there := s.Meta["db.type"]
		a.dialects[s] = there // put back by WriteChunks
		s.Meta["db.type"] = "mysql"
	}
}

// sqlKeys hold statements.
var sqlKeys = []string{"sql.query", "db.statement", "db.query.text"}

// nothingLeft does what emptySQLIsNamed says.
func (a *traceAgent) nothingLeft(s *pb.Span) {
	if a.used.off == emptySQLIsNamed {
		return
	}
	const nonParsable = "Non-parsable SQL query"
	if s.Resource == "" {
		a.used.use(emptySQLIsNamed)
		s.Resource = nonParsable
	}
	for _, key := range a.statements[s] {
		if s.Meta[key] == "" {
			a.used.use(emptySQLIsNamed)
			s.Meta[key] = nonParsable
		}
	}
}

// WriteChunks implements agent.TraceWriter.
func (a *traceAgent) WriteChunks(p *writer.SampledChunks) {
	for _, c := range p.TracerPayload.Chunks {
		for _, s := range c.Spans {
			a.amend(s)
		}
	}
	a.chunks = append(a.chunks, p.TracerPayload.Chunks...)
}

// amend does what the exceptions for spans say. It may be called again.
func (a *traceAgent) amend(s *pb.Span) {
	if there, added := a.dialects[s]; added {
		delete(s.Meta, "db.type")
		if there {
			s.Meta["db.type"] = ""
		}
	}
	a.hideName(s)
	a.nothingLeft(s)
	a.hideStatements(s)
	a.hideURLs(s)
	a.repair(s)
}

// repair makes UTF-8 of what is not, which can come out of the SQL lexer.
func (a *traceAgent) repair(s *pb.Span) {
	if a.used.off == textIsUTF8 {
		return
	}
	for _, text := range append([]string{s.Resource}, slices.Collect(maps.Values(s.Meta))...) {
		if !utf8.ValidString(text) {
			a.used.use(textIsUTF8)
		}
	}
	s.Resource = strings.ToValidUTF8(s.Resource, "\ufffd")
	for key, v := range s.Meta {
		s.Meta[key] = strings.ToValidUTF8(v, "\ufffd")
	}
}

// Stop implements agent.Writer.
func (a *traceAgent) Stop() {}

// FlushSync implements agent.Writer.
func (a *traceAgent) FlushSync() error { return nil }

// UpdateAPIKey implements agent.Writer.
func (a *traceAgent) UpdateAPIKey(string, string) {}

var (
	_ agent.TraceWriter  = (*traceAgent)(nil)
	_ agent.SpanModifier = (*traceAgent)(nil)
)

// payloadItems are the spans of a payload.
func payloadItems(p *pb.TracerPayload) []item {
	var items []item
	for _, c := range p.Chunks {
		for _, s := range c.Spans {
			items = append(items, spanItem(s, c, p))
		}
	}
	return items
}

// spanItem is one span with everything that it came in.
func spanItem(s *pb.Span, c *pb.TraceChunk, p *pb.TracerPayload) item {
	it := item{group: fmt.Sprintf("span %d of trace %d", s.SpanID, s.TraceID), id: s.Meta[logID], fields: map[string]string{
		"service": s.Service, "name": s.Name, "resource": s.Resource, "type": s.Type, "parent": fmt.Sprint(s.ParentID), "error": fmt.Sprint(s.Error),
		"start": fmt.Sprint(s.Start), "duration": fmt.Sprint(s.Duration),
		"unused fields":  fmt.Sprint(len(s.MetaStruct), len(s.SpanLinks), len(s.SpanEvents)),
		"chunk priority": fmt.Sprint(c.Priority), "chunk origin": c.Origin, "chunk dropped": fmt.Sprint(c.DroppedTrace),
		"payload env": p.Env, "payload hostname": p.Hostname, "payload container": p.ContainerID, "payload language": p.LanguageName + "/" + p.LanguageVersion,
		"payload tracer": p.TracerVersion, "payload runtime": p.RuntimeID, "payload version": p.AppVersion,
	}}
	for key, v := range s.Meta {
		if key == "events" || key == "_dd.span_links" {
			v = jsonOf(v)
		}
		it.fields["meta "+key] = v
	}
	for key, v := range s.Metrics {
		it.fields["metrics "+key] = number(v)
	}
	for key, v := range c.Tags {
		it.fields["chunk tag "+key] = v
	}
	for key, v := range p.Tags {
		if key == "_dd.tags.container" {
			v = set(strings.Split(v, ","))
		}
		it.fields["payload tag "+key] = v
	}
	var order []string
	for _, other := range c.Spans {
		order = append(order, fmt.Sprint(other.SpanID))
	}
	it.fields["chunk spans"] = strings.Join(order, " ")
	return it
}

// jsonOf brings JSON text into one form. Text that is not JSON stays: Datadog does not escape what it puts into links.
func jsonOf(text string) string {
	v, err := decodeAny([]byte(text))
	if err != nil {
		return text
	}
	return jsonText(v)
}

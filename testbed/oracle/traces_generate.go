package oracle

import (
	"encoding/binary"
	"math"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"pgregory.net/rapid"
)

// spanProfile is what one technology puts on its spans.
type spanProfile struct {
	cell  string
	kinds []ptrace.SpanKind
	attrs map[string]any
}

const (
	unspecifiedKind = ptrace.SpanKindUnspecified
	internalKind    = ptrace.SpanKindInternal
	serverKind      = ptrace.SpanKindServer
	clientKind      = ptrace.SpanKindClient
	producerKind    = ptrace.SpanKindProducer
	consumerKind    = ptrace.SpanKindConsumer
)

var anyKind = []ptrace.SpanKind{unspecifiedKind, internalKind, serverKind, clientKind, producerKind, consumerKind}

// spanProfiles are samples of semantic conventions, old and new.
var spanProfiles = []spanProfile{
	{"plain", anyKind, map[string]any{}},
	{"http, stable", anyKind, map[string]any{
		"http.request.method": "GET", "http.route": "/users/{id}", "url.full": "https://u:p@shop.example/users/7?q=1#f", "http.response.status_code": 503,
		"server.address": "shop.example", "server.port": 443, "user_agent.original": "curl/8", "network.protocol.version": "1.1", "client.address": "10.0.0.1",
		"http.request.header.x-id": "7", "http.request.body.size": 12, "http.response.body.size": 13, "url.template": "/users/{id}",
	}},
	{"http, old", anyKind, map[string]any{
		"http.method": "POST", "http.url": "http://shop.example/a b?x=%zz", "http.status_code": 200, "http.target": "/a?x=1#f", "url.query": "x=1", "http.request.header.referrer": "http://u:p@h/?x=1", "net.peer.name": "shop", "http.user_agent": "x",
	}},
	{"http, _OTHER", []ptrace.SpanKind{serverKind, clientKind}, map[string]any{"http.request.method": "_OTHER", "http.status_code": "404", "http.url": "//u@h/p"}},
	{"postgresql", []ptrace.SpanKind{clientKind, internalKind}, map[string]any{
		"db.system": "postgresql", "db.statement": "SELECT a AS b FROM t WHERE x IN (1, 2, 3) AND y = 'z' -- c", "db.name": "orders", "db.user": "me", "server.address": "pg", "server.port": 5432,
	}},
	{"postgresql, stable", []ptrace.SpanKind{clientKind}, map[string]any{
		"db.system.name": "postgresql", "db.query.text": "UPDATE t SET a = NULL, b = true WHERE c = $1 AND d = :n", "db.namespace": "orders", "db.operation.name": "UPDATE", "db.collection.name": "t",
	}},
	{"mysql", []ptrace.SpanKind{clientKind}, map[string]any{
		"db.system": "mysql", "db.statement": `select * from users where id=42 and name="bob" limit 10`, "peer.service": "Users DB",
	}},
	{"sql without system", []ptrace.SpanKind{clientKind}, map[string]any{"span.type": "sql", "sql.query": "SELECT 1", "resource.name": "SELECT * FROM t WHERE a = 'b'", "db.query.text": ""}},
	{"sql, empty", []ptrace.SpanKind{clientKind}, map[string]any{"db.system": "mssql", "db.statement": "-- nothing", "sql.query": ""}},
	{"cassandra", []ptrace.SpanKind{clientKind}, map[string]any{"db.system": "cassandra", "db.statement": "INSERT INTO k.t (a,b) VALUES (1,'x') USING TTL 5;", "db.cassandra.table": "t"}},
	{"redis", []ptrace.SpanKind{clientKind}, map[string]any{"db.system": "redis", "db.statement": "SET key secret\nGET key\nCLIENT LIST\nFOO", "db.redis.database_index": 3}},
	{"redis, any kind", anyKind, map[string]any{
		"db.system.name": "redis", "db.query.text": `HSET h f "two words" g 2`, "redis.raw_command": "ZADD z NX 1 secret 2 secret\nEVAL x 1 secret", "db.query.parameter.0": "secret",
	}},
	{"valkey", []ptrace.SpanKind{clientKind, internalKind}, map[string]any{"db.system": "valkey", "db.statement": "LPUSH l a b c\nAUTH u p", "valkey.raw_command": "GET k"}},
	{"valkey, own type", []ptrace.SpanKind{clientKind}, map[string]any{"span.type": "valkey", "resource.name": "SET k secret", "valkey.raw_command": "SET k secret EX 5"}},
	{"mongodb", []ptrace.SpanKind{clientKind}, map[string]any{"db.system": "mongodb", "db.statement": `{"find":"users","filter":{"name":"bob"}}`, "db.mongodb.collection": "users"}},
	{"mongodb, any kind", anyKind, map[string]any{
		"db.system.name": "mongodb", "db.query.text": `find {"a": [1, {"b": "c"}], "d": tru`, "mongodb.query": ` { "a" : "b\u00e9" , "n" : -1.5e3 } {"x":null}`,
		"db.operation.parameter.id": 42, "db.query.parameter.a": "b",
	}},
	{"opensearch", []ptrace.SpanKind{clientKind}, map[string]any{"db.system": "opensearch", "db.statement": `{"query":{"match_all":{}}}`, "opensearch.body": `[{"a":"b"`}},
	{"neo4j", anyKind, map[string]any{"db.system.name": "neo4j", "db.query.text": "MATCH (n {name: 'bob', age: 30}) RETURN n"}},
	{"sql, any kind", anyKind, map[string]any{"db.system": "mysql", "db.statement": `SELECT "a" FROM t WHERE b = 'c'`, "db.query.parameter.0": 7}},
	{"elasticsearch", []ptrace.SpanKind{clientKind}, map[string]any{"db.system": "elasticsearch", "http.request.method": "POST", "url.full": "http://es:9200/i/_search", "elasticsearch.body": "{}"}},
	{"memcached", []ptrace.SpanKind{clientKind}, map[string]any{"db.system": "memcached", "memcached.command": "set k 0 0 3\r\nabc", "db.statement": "set k 0 0 3\r\nabc"}},
	{"dynamodb", []ptrace.SpanKind{clientKind}, map[string]any{"db.system": "dynamodb", "rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": "GetItem", "aws.region": "eu-west-1"}},
	{"aws sdk", []ptrace.SpanKind{clientKind}, map[string]any{"rpc.system": "aws-api", "rpc.method": "ListBuckets"}},
	{"grpc", anyKind, map[string]any{"rpc.system": "grpc", "rpc.service": "shop.Cart", "rpc.method": "Add", "rpc.grpc.status_code": 14, "server.address": "cart"}},
	{"grpc, stable", anyKind, map[string]any{"rpc.system.name": "grpc", "rpc.method": "shop.Cart/Add", "rpc.response.status_code": "UNAVAILABLE"}},
	{"kafka", anyKind, map[string]any{"messaging.system": "kafka", "messaging.operation": "publish", "messaging.destination.name": "orders", "messaging.kafka.message.offset": 7, "messaging.batch.message_count": 3}},
	{"rabbitmq, old", anyKind, map[string]any{"messaging.system": "RabbitMQ", "messaging.operation": "receive", "messaging.destination": "Q 1"}},
	{"messaging, stable", anyKind, map[string]any{"messaging.system": "aws_sqs", "messaging.operation.type": "send", "messaging.operation.name": "send", "messaging.destination.name": "q"}},
	{"faas", []ptrace.SpanKind{serverKind, clientKind}, map[string]any{"faas.trigger": "http", "faas.invoked_provider": "aws", "faas.invoked_name": "My Fn", "faas.name": "f", "cloud.provider": "aws"}},
	{"graphql", anyKind, map[string]any{"graphql.operation.type": "query", "graphql.operation.name": "cart", "graphql.document": "query cart { id }"}},
	{"genai", []ptrace.SpanKind{clientKind, internalKind}, map[string]any{
		"gen_ai.system": "openai", "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 100, "gen_ai.request.temperature": 0.5,
		"gen_ai.response.finish_reasons": []any{"stop"},
	}},
	{"network", []ptrace.SpanKind{serverKind, clientKind}, map[string]any{"network.protocol.name": "AMQP", "network.peer.address": "10.0.0.2", "thread.id": 5, "code.function": "f"}},
	{"error", anyKind, map[string]any{"error.type": "io", "exception.type": "E", "error.stack": "at x", "http.response.status_code": "500"}},
	{"error, message", anyKind, map[string]any{"error.msg": "m", "error": true}},
	{"datadog's own", anyKind, map[string]any{
		"operation.name": "My Op", "resource.name": "My Resource", "span.type": "cache", "service.name": "Other Service", "_dd.measured": 1, "_sample_rate": 0.25, "analytics.event": "true",
	}},
	{"datadog's root", anyKind, map[string]any{"_dd.origin": "synthetics", "_dd.hostname": "dd-h", "_dd.p.tid": "0123456789abcdef", "_dd.apm_mode": "Edge", "_dd.base_service": "B S", "version": "V 9", "env": "E x"}},
}

// spanCell is one kind of span: a technology × the kind of the span.
type spanCell struct {
	profile spanProfile
	kind    ptrace.SpanKind
}

func (c spanCell) String() string { return c.profile.cell + ", " + c.kind.String() }

var spanCells = func() (cells []spanCell) {
	for _, p := range spanProfiles {
		for _, kind := range p.kinds {
			cells = append(cells, spanCell{p, kind})
		}
	}
	return cells
}()

// spanKeys are further attributes that mean something.
var spanKeys = []string{
	"http.method", "http.request.method", "http.status_code", "http.response.status_code", "http.url", "url.full", "http.route", "http.useragent", "http.request.header.referrer",
	"db.system", "db.statement", "db.namespace", "db.name", "peer.service", "service.name", "service.version", "version", "env", "deployment.environment", "operation.name", "resource.name",
	"span.type", "sampling.priority", "analytics.event", "_dd.measured", "_sample_rate", "_dd.p.dm", "_dd.agent_psr", "_dd.span_sampling.mechanism", "_dd.top_level", "_top_level", "error.msg",
	"error.type", "rpc.grpc.status_code", "grpc.code", "span.kind", "otel.status_code", "events", "otel.library.name", "db.type", "host.name", "container.id", "_dd.some.json", "_dd.stats_computed",
	"_dd.base_service", "_dd.svc_src", "_dd.partial_version", "_dd.git.commit.sha", "grpc.status.code", "rpc.grpc.status.code", "rpc.response.status_code", "rpc.system", "rpc.system.name",
}

// nameKeys name operations and resources, and may be there for all spans of a resource.
var nameKeys = []string{
	"operation.name", "resource.name", "http.request.method", "http.method", "http.route", "messaging.operation", "messaging.destination", "messaging.destination.name",
	"rpc.method", "rpc.service", "graphql.operation.type", "graphql.operation.name",
}

// peerKeys and peers name who is called.
var (
	peerKeys = []string{"peer.service", "server.address", "net.peer.name", "db.hostname", "out.host", "messaging.kafka.bootstrap.servers", "network.destination.ip", "db.instance", "peer.other"}
	peers    = []string{
		"cart", "10.1.2.3", "10.1.2.3:80,host", "ip-10-1-2-3.ec2", "kafka-10.0.0.1", "[2001:db8::1]:443", "::1", "127.0.0.1:80", "http://10.0.0.1:8080/x", "10.0.0.1,10.0.0.2,a,a", "",
		"dnspoll:///10.0.0.1", "10_0_0_1", "256.1.1.1", "1.2.3.4.5", "fe80::1%eth0",
	}
	grpcStatuses = []string{"0", "007", "UNAVAILABLE", "StatusCode.Canceled", "DeadlineExceeded", "not_found", "nonsense", "4294967296", ""}
)

type generatedTraces struct {
	payloads []ptrace.Traces
	cells    map[string]string
}

// tracesGenerator draws loads of casesPerLoad spans in one or two payloads. Span ids are unique in a load. The cells are taken in turn, beginning
// with the first-th.
func tracesGenerator(now time.Time, first int) *rapid.Generator[generatedTraces] {
	return rapid.Custom(func(t *rapid.T) generatedTraces {
		g := generatedTraces{cells: make(map[string]string)}
		for range 1 + upTo(t, 1) {
			g.payloads = append(g.payloads, ptrace.NewTraces())
		}
		for left := casesPerLoad; left > 0; {
			rs := pick(t, g.payloads...).ResourceSpans().AppendEmpty()
			anyResource(t, rs.Resource().Attributes())
			if chance(t, 12) {
				anyValue(t, rs.Resource().Attributes().PutEmpty("_dd.stats_computed"), 0)
			}
			if chance(t, 6) {
				anyValue(t, rs.Resource().Attributes().PutEmpty(pick(t, nameKeys...)), 1)
			}
			for range 1 + upTo(t, 1) {
				ss := rs.ScopeSpans().AppendEmpty()
				anyScope(t, ss.Scope())
				for range min(left, 1+upTo(t, 9)) {
					left--
					s := ss.Spans().AppendEmpty()
					g.cells[caseID(left)] = anySpan(t, s, spanCells[(first+left)%len(spanCells)], uint64(casesPerLoad-left), now)
					s.Attributes().PutStr(logID, caseID(left))
				}
			}
		}
		for _, d := range g.payloads {
			for _, rs := range d.ResourceSpans().All() {
				oneRoot(t, rs)
			}
		}
		return g
	})
}

// oneRoot leaves every trace of a resource at most one parent that is missing: of several spans without their parent Datadog takes a random one
// as the root.
func oneRoot(t *rapid.T, rs ptrace.ResourceSpans) {
	missing := idOf(999)
	if chance(t, 2) {
		missing = pcommon.SpanID{}
	}
	there := make(map[uint64]map[pcommon.SpanID]bool)
	for _, ss := range rs.ScopeSpans().All() {
		for _, s := range ss.Spans().All() {
			id := lowBits(s.TraceID())
			if there[id] == nil {
				there[id] = map[pcommon.SpanID]bool{{}: true}
			}
			there[id][s.SpanID()] = true
		}
	}
	for _, ss := range rs.ScopeSpans().All() {
		for _, s := range ss.Spans().All() {
			if !there[lowBits(s.TraceID())][s.ParentSpanID()] {
				s.SetParentSpanID(missing)
			}
		}
	}
}

// traceIDs are few, so that spans share a trace. Two have the same low bits.
var traceIDs = []pcommon.TraceID{
	{7: 1, 15: 1}, {7: 2, 15: 1}, {0: 0xab, 8: 0xff, 15: 7}, {15: 9}, {0: 1, 15: 0x42}, {8: 0x80}, {15: 77}, {14: 3}, {13: 4, 2: 2},
}

// anySpan fills s and returns the name of its cell. number is that of the span in its load.
func anySpan(t *rapid.T, s ptrace.Span, c spanCell, number uint64, now time.Time) string {
	if err := s.Attributes().FromRaw(c.profile.attrs); err != nil {
		panic(err) // only the table above decides
	}
	s.SetKind(c.kind)
	if !chance(t, 3) {
		anyAttributes(t, s.Attributes(), 4, spanKeys...)
	}
	if chance(t, 4) {
		s.Attributes().PutInt("sampling.priority", int64(pick(t, 0, 1, 2, -1, 3, 0, 0)))
	}
	if chance(t, 3) {
		s.Attributes().PutStr(pick(t, peerKeys...), pick(t, peers...))
	}
	if chance(t, 8) {
		s.Attributes().PutStr(pick(t, "rpc.grpc.status_code", "grpc.code", "rpc.response.status_code"), pick(t, grpcStatuses...))
	}
	wholeWeight(s.Attributes())
	s.SetName(pick(t, "GET /users", "My Span", "", "9abc", "a.b_.c", "ünïcode", "SELECT orders", strings.Repeat("long ", 30), anyText(t)))
	s.SetTraceID(pick(t, traceIDs...))
	s.SetSpanID(idOf(number))
	switch upTo(t, 3) {
	case 0:
	case 1:
		s.SetParentSpanID(idOf(uint64(1 + upTo(t, casesPerLoad-1))))
	default:
		s.SetParentSpanID(idOf(max(number, 2) - 1))
	}
	if chance(t, 60) {
		s.SetSpanID(pcommon.SpanID{}) // costs its chunk
	}
	anyTimes(t, s, now)
	anyStatus(t, s)
	s.TraceState().FromRaw(pick(t, "", "", "a=b", "ot=th:8", "ot=p:2;r:5", "ot=p:63", "dd=s:1,ot=th:c", "ot=th:zz", "=bad", "ot=p:64"))
	for range upTo(t, 2) {
		e := s.Events().AppendEmpty()
		e.SetName(pick(t, "exception", "log", ""))
		e.SetTimestamp(pcommon.Timestamp(pick(t, 0, 5, 1700000000000000001)))
		e.SetDroppedAttributesCount(uint32(upTo(t, 1)))
		anyAttributes(t, e.Attributes(), 3, "exception.message", "exception.type", "exception.stacktrace")
		if chance(t, 10) {
			e.Attributes().PutDouble("nan", pick(t, math.NaN(), math.Inf(-1)))
		}
	}
	for range upTo(t, 1) {
		l := s.Links().AppendEmpty()
		l.SetTraceID(pick(t, traceIDs...))
		l.SetSpanID(idOf(uint64(upTo(t, 3))))
		l.TraceState().FromRaw(pick(t, "", "a=b"))
		l.SetDroppedAttributesCount(uint32(upTo(t, 1)))
		for range upTo(t, 2) {
			anyValue(t, l.Attributes().PutEmpty(pick(t, "k", "link.kind")), 1)
		}
	}
	return c.String()
}

// wholeWeight makes a sample rate the inverse of a small integer: Datadog rounds sums of other weights at random.
func wholeWeight(m pcommon.Map) {
	v, ok := m.Get("_sample_rate")
	if !ok || v.Type() != pcommon.ValueTypeDouble || v.Double() <= 0 || v.Double() >= 1 {
		return
	}
	if n := 1 / v.Double(); n != math.Trunc(n) || n > 8 {
		v.SetDouble(0.125)
	}
}

func idOf(number uint64) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], number)
	return id
}

func anyTimes(t *rapid.T, s ptrace.Span, now time.Time) {
	start := now.Add(-time.Duration(rapid.IntRange(0, 60_000_000_000).Draw(t, "ago")))
	end := start.Add(time.Duration(rapid.IntRange(0, 2_000_000_000).Draw(t, "duration")))
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(start))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	switch {
	case chance(t, 20):
		s.SetEndTimestamp(s.StartTimestamp() - 5)
	case chance(t, 40):
		s.SetStartTimestamp(pcommon.Timestamp(pick(t, 0, 5, 946684799999999999)))
	}
}

func anyStatus(t *rapid.T, s ptrace.Span) {
	switch upTo(t, 3) {
	case 0:
	case 1:
		s.Status().SetCode(ptrace.StatusCodeOk)
	default:
		s.Status().SetCode(ptrace.StatusCodeError)
	}
	if chance(t, 3) {
		s.Status().SetMessage(pick(t, "it broke", "x"))
	}
}

package traces_test

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
)

// FuzzMap maps whatever the OTLP wire can carry. mapTraces checks that each item decodes strictly (UTF-8, no key twice, no unknown field),
// that items meet at their ends and fit into a body, and that every span is sent or counted.
func FuzzMap(f *testing.F) {
	inputs, _ := filepath.Glob("testdata/golden/*.otlp.json")
	for _, input := range inputs {
		in, err := os.ReadFile(input)
		if err != nil {
			f.Fatal(err)
		}
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire(f, td))
	}
	for seed := range uint64(20) {
		f.Add(wire(f, randomTraces(rand.New(rand.NewPCG(seed, 0)))))
	}
	m := traces.New(traces.Options{})
	f.Fuzz(func(t *testing.T, in []byte) {
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(in)
		if err != nil {
			return
		}
		mapTraces(t, m, td)
	})
}

func wire(t testing.TB, td ptrace.Traces) []byte {
	t.Helper()
	b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRandomTraces maps pdata of every shape: types where another one is expected, keys that collide, texts at the limits.
func TestRandomTraces(t *testing.T) {
	t.Parallel()
	m := traces.New(traces.Options{})
	for seed := range uint64(500) {
		mapTraces(t, m, randomTraces(rand.New(rand.NewPCG(seed, 1))))
	}
}

var randomKeys = strings.Fields(`service.name operation.name resource.name span.type service.version deployment.environment.name
	http.request.method http.method http.route http.status_code http.response.status_code db.statement db.query.text db.system db.namespace
	messaging.system messaging.operation rpc.system rpc.service rpc.method grpc.code _dd.measured _sample_rate sampling.priority
	analytics.event http.request.header.a http.request.headers.a url.full http.url env version peer.service error.msg sql.query _dd.origin
	_dd.p.dm _dd.p.tid _dd.hostname _dd.apm_mode _top_level _dd1.sr.rcusr _dd.span_sampling.mechanism span.kind otel.trace_id events
	datadog.container.tag.x kube_namespace k8s.pod.name host.name _dd.x.json`)

var randomTexts = []string{
	"", "x", "My Svc", "GET", "grpc", "postgresql", "redis", "SELECT 'a', 1", "set k v", "404", "true", "http://u:p@h/", "sql", "web", "\xff\xfe", "é",
	"a\x00b", `"\<>`, "edge", strings.Repeat("é", 160), strings.Repeat("y", 25_001), strings.Repeat("z", 201),
}

func randomTraces(r *rand.Rand) ptrace.Traces {
	td := ptrace.NewTraces()
	text := func() string { return randomTexts[r.IntN(len(randomTexts))] }
	for range 1 + r.IntN(2) {
		rs := td.ResourceSpans().AppendEmpty()
		randomAttributes(r, rs.Resource().Attributes(), 8)
		for range r.IntN(3) {
			ss := rs.ScopeSpans().AppendEmpty()
			ss.Scope().SetName(text())
			randomAttributes(r, ss.Scope().Attributes(), 3)
			for range r.IntN(30) {
				s := ss.Spans().AppendEmpty()
				s.SetTraceID(pcommon.TraceID{8: byte(r.IntN(3)), 15: byte(r.IntN(10))})
				s.SetSpanID(pcommon.SpanID{7: byte(r.IntN(60))})
				s.SetParentSpanID(pcommon.SpanID{7: byte(r.IntN(60))})
				s.SetName(text())
				s.SetKind(ptrace.SpanKind(r.IntN(8) - 1))
				s.SetStartTimestamp(pcommon.Timestamp(r.Uint64() >> r.IntN(64)))
				s.SetEndTimestamp(pcommon.Timestamp(r.Uint64() >> r.IntN(64)))
				s.Status().SetCode(ptrace.StatusCode(r.IntN(5)))
				s.TraceState().FromRaw([]string{"", "ot=th:8", "\xff"}[r.IntN(3)])
				randomAttributes(r, s.Attributes(), 20)
				for range r.IntN(2) {
					randomAttributes(r, s.Events().AppendEmpty().Attributes(), 4)
					randomAttributes(r, s.Links().AppendEmpty().Attributes(), 4)
				}
			}
		}
	}
	return td
}

func randomAttributes(r *rand.Rand, m pcommon.Map, n int) {
	for range r.IntN(n) {
		key := randomKeys[r.IntN(len(randomKeys))]
		if r.IntN(30) == 0 {
			key = randomTexts[r.IntN(len(randomTexts))]
		}
		randomValue(r, m.PutEmpty(key), 0)
	}
}

func randomValue(r *rand.Rand, v pcommon.Value, depth int) {
	switch n := r.IntN(16); {
	case n < 8:
		v.SetStr(randomTexts[r.IntN(len(randomTexts))])
	case n < 11:
		v.SetInt([]int64{0, 1, -1, 2, 404, math.MaxInt64, math.MinInt64}[r.IntN(7)])
	case n < 13:
		v.SetDouble([]float64{0, 0.5, 1, -2, math.NaN(), math.Inf(1), math.MaxFloat64}[r.IntN(7)])
	case n < 14:
		v.SetEmptyBytes().FromRaw([]byte("bytes")[:r.IntN(6)])
	case depth > 3: // stays empty
	case n < 15:
		m := v.SetEmptyMap()
		for range r.IntN(4) {
			randomValue(r, m.PutEmpty(randomTexts[r.IntN(len(randomTexts))]), depth+1)
		}
	default:
		s := v.SetEmptySlice()
		for range r.IntN(4) {
			randomValue(r, s.AppendEmpty(), depth+1)
		}
	}
}

package oracle

import (
	"cmp"
	"strings"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/DataDog/datadog-agent/pkg/trace/traceutil/normalize"
	"github.com/DataDog/datadog-agent/pkg/trace/transform"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// ignoredResources match some of the generator's, one of them by what obfuscation hides.
var ignoredResources = []string{"^GET( /users.*)?$", "(?i)select \\* from T", "b = 'c'$", "^publish", "Span$"}

// otherNames are other names for some of the generator's operations.
var otherNames = settings{
	"opentelemetry.server": "served", "opentelemetry.client": "Called It!", "My Op": "mine", "My Span": "9 spans", "GET /users": "users",
	"lib.internal": "inside", "io.opentelemetry.jdbc.client": "jdbc query", "unused": "x",
}

func remapped() map[string]string {
	texts := make(map[string]string)
	for from, to := range otherNames {
		texts[from] = to.(string)
	}
	return texts
}

// spanKey tells the spans of a load apart.
type spanKey struct{ trace, span uint64 }

// noteOperations notes the spans of which Datadog's agent makes the name the operation name.
func (a *traceAgent) noteOperations(rs ptrace.ResourceSpans) {
	otlp := a.config.OTLPReceiver
	if !otlp.SpanNameAsResourceName {
		return
	}
	for _, ss := range rs.ScopeSpans().All() {
		for _, s := range ss.Spans().All() {
			_, mapped := otlp.SpanNameRemappings[s.Name()]
			if !mapped && transform.GetOTelAttrValInResAndSpanAttrs(s, rs.Resource(), false, "operation.name") == "" {
				a.operations[spanKey{lowBits(s.TraceID()), transform.OTelSpanIDToUint64(s.SpanID())}] = s.Name()
			}
		}
	}
}

// hideName does what statementsAsNames says.
func (a *traceAgent) hideName(s *pb.Span) {
	text := a.operations[spanKey{s.TraceID, s.SpanID}]
	raw := a.raw[s]
	if text == "" || a.used.off == statementsAsNames {
		return
	}
	system := strings.ToLower(cmp.Or(raw.meta["db.system.name"], raw.meta["db.system"]))
	language := languages[s.Type]
	if system != "" {
		language = languages[cmp.Or(systems[system], system)]
	}
	inside, known := map[string]string{"sql": `'"0123456789`, "redis": " \t\r\n", "document": "{[", "memcached": "\n"}[language]
	if !known && system != "" {
		inside = `'"`
	}
	isStatement := text == raw.meta["db.statement"] || text == raw.meta["db.query.text"] || text == raw.meta["sql.query"]
	if !isStatement && !strings.ContainsAny(text, inside) {
		return
	}
	name, _ := normalize.NormalizeName(a.withoutValues(text, language, system, raw.meta["db.type"]))
	if name != s.Name {
		a.used.use(statementsAsNames)
		s.Name = name
	}
}

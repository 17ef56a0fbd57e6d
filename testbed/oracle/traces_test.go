package oracle

import (
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestTraces(t *testing.T) {
	t.Parallel()
	w, used := newWorld(t), newExceptions(noFallbackHost, noHeartbeats, sqlByLexer, obfuscationIsOn, sampledByPriority, noAppAnalytics)
	r := newReport("traces")
	defer r.print(t, used)
	a, err := newTraceAgent(t.Context(), used)
	if err != nil {
		t.Fatal(err)
	}
	generator := tracesGenerator(time.Now())
	both := w.tracesBothWays(a)
	for i := range loads() {
		g := generator.Example(seed()*1_000_000 + i)
		run(t, r, tracesCodec, load[ptrace.Traces]{name: fmt.Sprintf("generated load %d", i), payloads: g.payloads, cells: g.cells, cell: "generated", perField: true, both: both})
	}
}

package oracle

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

// spanExceptions are those that are applied to single spans or traces.
var spanExceptions = []exception{
	textIsUTF8, statementsOfAnySpan, unknownRedisCommands, parametersAreHidden, statementsAsNames, urlsOfAnySpan, mysqlByItsSystem, emptySQLIsNamed, emptyResourceIsName,
	highPriorityKeeps,
}

func TestTraces(t *testing.T) {
	t.Parallel()
	w, used := newWorld(t), newExceptions(noFallbackHost, noHeartbeats, sqlByLexer, obfuscationIsOn, sampledByPriority, noAppAnalytics)
	used = used.counting(spanExceptions...)
	r := newReport("traces")
	for _, cell := range spanCells {
		r.expect(cell.String())
	}
	defer r.print(t, used)
	a, err := newTraceAgent(t.Context(), traceModes[0], used)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	both := w.tracesBothWays(a)
	handWritten, err := sampleTraces(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	golden, err := goldenTraces(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !corpus() {
		clear(handWritten)
		clear(golden)
	}
	for _, name := range slices.Sorted(maps.Keys(golden)) {
		run(t, r, tracesCodec, load[ptrace.Traces]{name: name, payloads: []ptrace.Traces{golden[name]}, cell: "golden input", perField: true, both: both})
	}
	for _, name := range slices.Sorted(maps.Keys(handWritten)) {
		run(t, r, tracesCodec, load[ptrace.Traces]{name: name, payloads: []ptrace.Traces{handWritten[name]}, cell: "sample", perField: true, both: both})
	}
	for i := range loads() {
		g := tracesGenerator(now, i*casesPerLoad).Example(seed()*1_000_000 + i)
		run(t, r, tracesCodec, load[ptrace.Traces]{name: fmt.Sprintf("generated load %d", i), payloads: g.payloads, cells: g.cells, cell: "generated", perField: true, both: both})
	}
	for m, mode := range traceModes[1:] {
		a, err := newTraceAgent(t.Context(), mode, used)
		if err != nil {
			t.Fatal(err)
		}
		both, cell := w.tracesBothWays(a), "mode "+mode.name
		r.expect(cell)
		for i := range modeLoads() {
			g := tracesGenerator(now, i*casesPerLoad).Example(seed()*1_000_000 + (m+1)*100_000 + i)
			run(t, r, tracesCodec, load[ptrace.Traces]{
				name: fmt.Sprintf("generated load %d in %s", i, cell), payloads: g.payloads, cells: allIn(g.cells, cell), cell: cell, perField: true, both: both,
			})
		}
	}
}

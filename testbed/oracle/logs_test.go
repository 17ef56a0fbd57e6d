package oracle

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
)

func TestLogs(t *testing.T) {
	t.Parallel()
	w, used := newWorld(t), newExceptions(noFallbackHost)
	used = used.counting(oneLogLayer, emptyFieldsAreAbsent, logSourceWins, tagsOfAttributesAdd, reservedFieldsAreText, emptyKeysInArrays)
	r := newReport("logs")
	for _, cell := range logCells {
		r.expect(cell.String())
	}
	defer r.print(t, used)
	both := w.logsBothWays(logsModes[0], used)
	handWritten, err := sampleLogs(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !corpus() {
		clear(handWritten)
	}
	for _, name := range slices.Sorted(maps.Keys(handWritten)) {
		run(t, r, logsCodec, load[plog.Logs]{name: name, payloads: []plog.Logs{handWritten[name]}, cell: "sample", perField: true, both: both})
	}
	now := time.Now()
	for i := range loads() {
		g := logsGenerator(now, i*casesPerLoad).Example(seed()*1_000_000 + i)
		run(t, r, logsCodec, load[plog.Logs]{name: fmt.Sprintf("generated load %d", i), payloads: g.payloads, cells: g.cells, cell: "generated", perField: true, both: both})
	}
	for m, mode := range logsModes[1:] {
		both, cell := w.logsBothWays(mode, used), "mode "+mode.name
		r.expect(cell)
		for i := range modeLoads() {
			g := logsGenerator(now, i*casesPerLoad).Example(seed()*1_000_000 + (m+1)*100_000 + i)
			run(t, r, logsCodec, load[plog.Logs]{
				name: fmt.Sprintf("generated load %d in %s", i, cell), payloads: g.payloads, cells: allIn(g.cells, cell), cell: cell, perField: true, both: both,
			})
		}
	}
}

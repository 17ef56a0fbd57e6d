package oracle

import (
	"context"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// refusedSketch is why the stand-in refuses a sketch of Datadog's translator, and with it every sketch of the same request; "" if it does not.
// It holds that min is at most max and that bins add up to cnt. The translator takes these from different places where a point lacks some, where
// bounds are wider than what was observed, and where some buckets of a cumulative histogram went back. Whether Datadog's intake minds is not known.
func refusedSketch(cnt int64, smallest, largest float64, n []uint32) string {
	var sum int64
	for _, count := range n {
		sum += int64(count)
	}
	switch {
	case smallest > largest:
		return "min above max"
	case sum != cnt:
		return "bins do not add up to cnt"
	}
	return ""
}

// leaveOutRefused removes the cases that the stand-in refuses, and counts them.
func (g *generatedMetrics) leaveOutRefused(ctx context.Context, mode metricsMode, r *report) error {
	_, refused, err := translateMetrics(ctx, mode, g.payloads)
	if err != nil {
		return err
	}
	for id, reason := range refused {
		r.leaveOut(g.cells[id] + ", mode " + mode.name + ": " + reason)
		delete(g.cells, id)
	}
	for _, d := range g.payloads {
		for _, rm := range d.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				sm.Metrics().RemoveIf(func(m pmetric.Metric) bool { return refused[caseOf(m.Name())] != "" })
			}
		}
	}
	return nil
}

package oracle

import (
	"testing"
	"time"
)

func TestSamplesAreOfTwentyTechnologiesOfEachSignal(t *testing.T) {
	t.Parallel()
	const want = 20
	now := time.Now()
	metrics, errMetrics := sampleMetrics(now)
	logs, errLogs := sampleLogs(now)
	traces, errTraces := sampleTraces(now)
	if errMetrics != nil || errLogs != nil || errTraces != nil {
		t.Fatal(errMetrics, errLogs, errTraces)
	}
	for signal, n := range map[string]int{"metrics": len(metrics), "logs": len(logs), "traces": len(traces)} {
		if n < want {
			t.Errorf("%s: samples of %d technologies, want %d", signal, n, want)
		}
	}
	for name, d := range metrics {
		if d.DataPointCount() == 0 {
			t.Errorf("%s has no data points", name)
		}
	}
	for name, d := range logs {
		if d.LogRecordCount() == 0 {
			t.Errorf("%s has no records", name)
		}
	}
	for name, d := range traces {
		if d.SpanCount() == 0 {
			t.Errorf("%s has no spans", name)
		}
	}
}

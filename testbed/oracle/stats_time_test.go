package oracle

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter"
)

// TestStatsOverTime compares APM stats over a minute, in which buckets are opened, filled, filled late and flushed, with a clock that moves only
// when both sides have done what there is to do. Everything but the clock is as in TestTraces.
func TestStatsOverTime(t *testing.T) {
	t.Parallel()
	w, used := newWorld(t), newExceptions(noFallbackHost, noHeartbeats, sqlByLexer, sampledByPriority, noAppAnalytics)
	r := newReport("stats over time")
	defer r.print(t, used)
	a, err := newTraceAgent(t.Context(), traceModes[0], used)
	if err != nil {
		t.Fatal(err)
	}
	for _, cell := range spanCells {
		r.expect(cell.String())
	}
	minutes := (loads() + 3) / 4 // a minute has four payloads or more
	for i := range minutes {
		same, cells := w.minute(t, r, a, i)
		for _, cell := range cells {
			r.add(cell, same)
		}
	}
	if r.items < 20*minutes {
		t.Errorf("%d groups compared in %d minutes", r.items, minutes)
	}
}

// minute sends payloads at uneven times, and reports whether both sides made the same stats of them, and the cells of their spans.
func (w *world) minute(t *testing.T, r *report, a *traceAgent, i int) (same bool, cells []string) {
	began := time.Now().Truncate(bucketLength).Add(3 * time.Second)
	w.datadog.Intake().Reset(w.org)
	var theirs []*pb.StatsPayload
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(began)) // the clock of the bubble is in the year 2000, certificates are not
		e, err := w.open()
		if err != nil {
			t.Fatal(err)
		}
		a.restart()
		for second := 1; second < 60; second++ {
			time.Sleep(time.Second)
			if second%10 == 0 { // the exporter does it at the same time
				theirs = append(theirs, a.concentrator.Flush(false))
				continue
			}
			if second*7%11 != i%11 {
				continue
			}
			g := tracesGenerator(time.Now(), i*100+len(cells)).Example(seed()*1_000_000 + i*100 + second)
			cells = slices.AppendSeq(cells, maps.Values(g.cells))
			for _, d := range g.payloads {
				if err := errors.Join(consumeTraces(e, t.Context(), d), a.receive(t.Context(), d)); err != nil {
					t.Error(err)
				}
			}
		}
		theirs = append(theirs, a.concentrator.Flush(true))
		if err := e.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ours, expected := statsItems(w.datadog.Intake().Received(w.org).Stats), statsItems(theirs)
	r.items += len(expected)
	buckets := make(map[string]bool)
	for _, it := range expected {
		buckets[it.fields["bucket"]] = true
	}
	if len(buckets) < 3 {
		t.Errorf("minute %d has %d buckets", i, len(buckets))
	}
	all := compare(ours, expected)
	for _, d := range all[:min(len(all), 3)] {
		t.Errorf("minute %d: %s, %s: ours %s theirs %s %s", i, d.group, d.field, d.ours, d.theirs, d.all)
	}
	return len(all) == 0, cells
}

// open starts an exporter that belongs to the clock of its caller: it keeps no connection, since one that waits for its peer holds up the clock.
func (w *world) open() (exporter.Traces, error) {
	f := datadogoauthexporter.NewFactory()
	cfg, err := w.config(f, settings{
		"traces": settings{"max_age": "0s"},
		"http":   settings{"proxy_url": w.datadog.ProxyURL().String(), "tls": settings{"ca_file": w.caFile}, "disable_keep_alives": true, "force_attempt_http2": false},
	})
	if err != nil {
		return nil, err
	}
	e, err := f.CreateTraces(context.Background(), exportertest.NewNopSettings(f.Type()), cfg)
	if err != nil {
		return nil, err
	}
	h, err := w.newHost()
	if err != nil {
		return nil, err
	}
	return e, e.Start(context.Background(), h)
}

package oracle

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

// The fuzz targets send whatever the OTLP wire can carry through the exporter to the stand-in, which decodes each body with Datadog's own types
// and refuses what is above an intake's limits. No panic, no body that is refused, no item that Datadog drops.

// forms are the ways that a fuzz target sends, by its second argument.
var forms = map[string][]settings{
	"metrics": {
		{"metrics": settings{}},
		{"metrics": settings{"histograms": settings{"mode": "counters", "send_aggregation_metrics": true}, "resource_attributes_as_tags": true}},
		{"metrics": settings{"intake": "otlp"}},
	},
	"logs":   {{"logs": settings{}}, {"logs": settings{"intake": "otlp"}}},
	"traces": {{"traces": settings{}}, {"traces": settings{"intake": "public"}}, {"traces": settings{"intake": "otlp"}}},
}

func FuzzSentMetrics(f *testing.F) {
	seeds, err := sampleMetrics(time.Now())
	if err != nil {
		f.Fatal(err)
	}
	fuzzSent(f, "metrics", seeds, (&pmetric.ProtoMarshaler{}).MarshalMetrics, (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics, createMetrics, consumeMetrics)
}

func FuzzSentLogs(f *testing.F) {
	seeds, err := sampleLogs(time.Now())
	if err != nil {
		f.Fatal(err)
	}
	fuzzSent(f, "logs", seeds, (&plog.ProtoMarshaler{}).MarshalLogs, (&plog.ProtoUnmarshaler{}).UnmarshalLogs, createLogs, consumeLogs)
}

func FuzzSentTraces(f *testing.F) {
	seeds, err := sampleTraces(time.Now())
	if err != nil {
		f.Fatal(err)
	}
	fuzzSent(f, "traces", seeds, (&ptrace.ProtoMarshaler{}).MarshalTraces, (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces, createTraces, consumeTraces)
}

func fuzzSent[D any, E component.Component](
	f *testing.F, signal string, seeds map[string]D, marshal func(D) ([]byte, error), unmarshal func([]byte) (D, error),
	create func(exporter.Factory) func(context.Context, exporter.Settings, component.Config) (E, error), consume func(E, context.Context, D) error,
) {
	of := forms[signal]
	for _, name := range slices.Sorted(maps.Keys(seeds)) {
		wire, err := marshal(seeds[name])
		if err != nil {
			f.Fatal(err)
		}
		for form := range of {
			f.Add(wire, byte(form))
		}
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, wire []byte, form byte) {
		d, err := unmarshal(wire)
		if err != nil {
			return
		}
		s, err := export(t.Context(), w, create, consume, of[int(form)%len(of)], []D{d})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range s.refused {
			if !strings.Contains(text, intake.DropTooNew) { // which Datadog may take by the time that it is sent
				t.Error(text)
			}
		}
	})
}

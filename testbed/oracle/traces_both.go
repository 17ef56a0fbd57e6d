package oracle

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

var tracesCodec = codec[ptrace.Traces]{(&ptrace.JSONMarshaler{}).MarshalTraces, (&ptrace.JSONUnmarshaler{}).UnmarshalTraces}

// tracesBothWays sends traces. What both sides put into buckets by the clock is comparable when they began in the same bucket and did not get
// into the next; if they did, they do it again.
func (w *world) tracesBothWays(a *traceAgent) func(context.Context, []ptrace.Traces) (outcome, error) {
	return func(ctx context.Context, load []ptrace.Traces) (outcome, error) {
		for {
			began := time.Now().Truncate(bucketLength)
			theirs, err := a.translate(ctx, load)
			if err != nil {
				return outcome{}, err
			}
			s, err := export(ctx, w, createTraces, consumeTraces, a.mode.settings(), load)
			if err == nil && !time.Now().Truncate(bucketLength).Equal(began) {
				continue
			}
			ours := tracesItems(s.Received, a.config.Hostname)
			theirNow(ours, theirs)
			return outcome{append(ours, statsItems(s.Stats)...), theirs, s.complaints}, err
		}
	}
}

// settings are those of the mode. Spans are as old as the generator makes them; none is to expire on its way.
func (m traceMode) settings() settings {
	ours := settings{"traces": settings{"max_age": "0s"}}
	for key, v := range m.ours {
		if more, ok := v.(settings); ok && key == "traces" {
			maps.Copy(ours["traces"].(settings), more)
			continue
		}
		ours[key] = v
	}
	return ours
}

func createTraces(f exporter.Factory) func(context.Context, exporter.Settings, component.Config) (exporter.Traces, error) {
	return f.CreateTraces
}

func consumeTraces(e exporter.Traces, ctx context.Context, d ptrace.Traces) error {
	own := ptrace.NewTraces()
	d.CopyTo(own)
	return e.ConsumeTraces(ctx, own)
}

// tracesItems are the spans that arrived. The header of the body, which names the host of the sender, is the same for all of them, so that a
// fault in it is a complaint of each.
func tracesItems(r intake.Received, host string) []item {
	var items []item
	for _, s := range r.Spans {
		it := spanItem(s.Span, s.Chunk, s.Tracer)
		if a := s.Agent; a.HostName != host || a.Env != "none" || len(a.Tags) > 0 || a.TargetTPS != 10 || a.ErrorTPS != 10 || a.RareSamplerEnabled {
			it.fields["header"] = fmt.Sprintf("host %q env %q tags %v target %v error %v rare %v", a.HostName, a.Env, a.Tags, a.TargetTPS, a.ErrorTPS, a.RareSamplerEnabled)
		}
		items = append(items, it)
	}
	return items
}

// theirNow sets the start of spans that both sides dated by the clock to the same: a start before the year 2000 is replaced by the present.
func theirNow(ours, theirs []item) {
	started := make(map[string]string)
	for _, it := range theirs {
		started[it.group] = it.fields["start"]
	}
	for _, it := range ours {
		a, errA := strconv.ParseInt(it.fields["start"], 10, 64)
		b, errB := strconv.ParseInt(started[it.group], 10, 64)
		if errA == nil && errB == nil && a != b && byClock(a, it) && byClock(b, it) {
			it.fields["start"] = started[it.group]
		}
	}
}

// byClock says that a span ended within the last minute.
func byClock(start int64, it item) bool {
	duration, _ := strconv.ParseInt(it.fields["duration"], 10, 64)
	for _, end := range []int64{start, start + duration} {
		if ago := time.Since(time.Unix(0, end)); ago >= 0 && ago < time.Minute {
			return true
		}
	}
	return false
}

// lowBits is the trace id that Datadog knows.
func lowBits(id pcommon.TraceID) uint64 { return binary.BigEndian.Uint64(id[8:]) }

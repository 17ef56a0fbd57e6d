package oracle

import (
	"time"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/DataDog/datadog-agent/pkg/trace/agent"
	"github.com/DataDog/datadog-agent/pkg/trace/stats"
	"github.com/DataDog/datadog-go/v5/statsd"
)

// bucketLength is that of both sides, their default.
const bucketLength = 10 * time.Second

// restart gives the agent a concentrator without stats, as at its start.
func (a *traceAgent) restart() {
	a.concentrator = stats.NewConcentrator(a.config, nil, time.Now(), &statsd.NoOpClient{})
}

// flush returns what the concentrator would send at its end.
func (a *traceAgent) flush() []item {
	return statsItems([]*pb.StatsPayload{a.concentrator.Flush(true)})
}

// Add implements agent.Concentrator. It is called after WriteChunks, which gets the traces that are sent only.
func (a *traceAgent) Add(in stats.Input) {
	for i, t := range in.Traces {
		if a.mode.noHosts {
			in.Traces[i].TracerHostname = ""
		}
		for _, s := range t.TraceChunk.Spans {
			a.amend(s)
		}
	}
	a.concentrator.Add(in)
}

// AddV1 implements agent.Concentrator. The OTLP receiver does not use it.
func (a *traceAgent) AddV1(in stats.InputV1) { a.concentrator.AddV1(in) }

// Start implements agent.Concentrator.
func (a *traceAgent) Start() {}

var _ agent.Concentrator = (*traceAgent)(nil)

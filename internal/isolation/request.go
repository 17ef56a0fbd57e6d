package isolation

import (
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// Request has one resource of each owner, of any signal, as OTLP over HTTP has it: the path and the protobuf body.
func (g *Generator) Request(now time.Time, owners ...Owner) (path string, body []byte, err error) {
	switch g.rnd.IntN(3) {
	case 0:
		body, err = pmetricotlp.NewExportRequestFromMetrics(g.Metrics(now, owners...)).MarshalProto()
		return "/v1/metrics", body, err
	case 1:
		body, err = plogotlp.NewExportRequestFromLogs(g.Logs(now, owners...)).MarshalProto()
		return "/v1/logs", body, err
	default:
		body, err = ptraceotlp.NewExportRequestFromTraces(g.Traces(now, owners...)).MarshalProto()
		return "/v1/traces", body, err
	}
}

package logs

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire"
)

const (
	// maxOTLPBytes is the largest body of logs. Of the OTLP intake it is not stated: the limit of the log API is assumed.
	maxOTLPBytes = 5_000_000
	// maxOTLPRecords keeps elements small enough for bodies of 1,000 records, the limit of the log API, to be about full.
	maxOTLPRecords = 250
	// logSourceAttribute names the ddsource of a record.
	logSourceAttribute = "datadog.log.source"
)

// OTLPMapper maps log records to items of the OTLP intake. It is safe for concurrent use.
//
// Records leave as they came: Datadog maps them.
type OTLPMapper struct {
	opts    Options
	writers sync.Pool // of *otlpwire.Writer
}

// NewOTLP returns an OTLPMapper. Of the options it knows Source, FallbackHost and Now.
func NewOTLP(opts Options) *OTLPMapper {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	return &OTLPMapper{opts: opts}
}

// Map appends the records of rl to out. A record that no body can hold is counted in drops. rl is not changed and nothing of it is kept.
func (m *OTLPMapper) Map(rl plog.ResourceLogs, out *intake.Payload, drops *intake.Drops) {
	m.MapExcept(rl, nil, out, drops)
}

// MapExcept is Map without the records that leave names: they are no logs. A nil leave leaves out none.
func (m *OTLPMapper) MapExcept(rl plog.ResourceLogs, leave func(plog.LogRecord) bool, out *intake.Payload, drops *intake.Drops) {
	w, _ := m.writers.Get().(*otlpwire.Writer)
	if w == nil {
		w = &otlpwire.Writer{MaxBytes: maxOTLPBytes, MaxItems: maxOTLPRecords}
	}
	w.Start(out)
	w.Described(otlpwire.AppendResource(w.Describe(0, 1), rl.Resource(), rl.SchemaUrl(), m.opts.FallbackHost,
		otlpwire.TextAttribute{Key: logSourceAttribute, Value: m.opts.Source}))
	now := int64(0)
	for _, sl := range rl.ScopeLogs().All() {
		w.Described(otlpwire.AppendScope(w.Describe(1, 2), sl.Scope(), sl.SchemaUrl()))
		for _, lr := range sl.LogRecords().All() {
			if leave != nil && leave(lr) {
				continue
			}
			if w.Full() {
				drops.Add(intake.ReasonTooLarge, 1)
				continue
			}
			unix := int64(lr.Timestamp() / 1e9)
			if unix == 0 {
				unix = int64(lr.ObservedTimestamp() / 1e9)
			}
			if unix == 0 {
				if now == 0 {
					now = m.opts.Now().Unix()
				}
				unix = now
			}
			if !w.EndItem(appendLogRecord(w.BeginItem(2, otlpwire.Medium), lr), unix) {
				drops.Add(intake.ReasonTooLarge, 1)
			}
		}
	}
	w.Finish()
	if w.Size() < maxPooledOTLP {
		m.writers.Put(w)
	}
}

// maxPooledOTLP is the size above which a writer is left to the garbage collector.
const maxPooledOTLP = 1 << 20

// appendLogRecord appends the fields of a LogRecord.
//
//	message LogRecord { fixed64 time_unix_nano = 1; SeverityNumber severity_number = 2; string severity_text = 3; AnyValue body = 5;
//	  repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8; bytes trace_id = 9; bytes span_id = 10;
//	  fixed64 observed_time_unix_nano = 11; string event_name = 12; }
func appendLogRecord(dst []byte, lr plog.LogRecord) []byte {
	dst = otlpwire.AppendFixed64(dst, 1, uint64(lr.Timestamp()))
	dst = otlpwire.AppendUint(dst, 2, uint64(int64(lr.SeverityNumber())))
	dst = otlpwire.AppendString(dst, 3, lr.SeverityText())
	dst = otlpwire.AppendValue(dst, 5, lr.Body())
	dst = otlpwire.AppendAttributes(dst, 6, lr.Attributes())
	dst = otlpwire.AppendUint(dst, 7, uint64(lr.DroppedAttributesCount()))
	dst = otlpwire.AppendFixed32(dst, 8, uint32(lr.Flags()))
	if id := lr.TraceID(); !id.IsEmpty() {
		dst = otlpwire.AppendBytes(dst, 9, id[:])
	}
	if id := lr.SpanID(); !id.IsEmpty() {
		dst = otlpwire.AppendBytes(dst, 10, id[:])
	}
	dst = otlpwire.AppendFixed64(dst, 11, uint64(lr.ObservedTimestamp()))
	return otlpwire.AppendString(dst, 12, lr.EventName())
}

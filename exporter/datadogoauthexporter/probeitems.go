package datadogoauthexporter

import (
	"cmp"
	"crypto/rand"
	"math"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

const (
	probeName         = "datadogoauth.probe"        // of the metric, of the service check and of the span's operation
	probeDistribution = probeName + ".distribution" // another name, since a metric is of one type
	probeService      = "datadogoauth-probe"
)

// probeMark is what a marked item says.
type probeMark struct {
	id    string
	at    time.Time
	host  string  // of a service check, which must have one
	value float64 // 0.5 at least
	trace pcommon.TraceID
	span  pcommon.SpanID
}

// newMark dates it by the second, as metrics and events are dated, and makes the value out of the id, so that it can be told from others.
func newMark(id, hostname string) probeMark {
	m := probeMark{id: id, at: time.Now().Truncate(time.Second), host: cmp.Or(hostname, probeService), value: 0.5}
	if n, err := strconv.ParseUint(id[:min(len(id), 4)], 16, 16); err == nil {
		m.value += float64(n)
	}
	_, _ = rand.Read(m.trace[:]) // never fails
	_, _ = rand.Read(m.span[:])
	return m
}

// text is what people read of it.
func (m probeMark) text() string { return "datadogoauth probe " + m.id }

// write is what is told of an item before it is sent.
func (m probeMark) write(kind credential.ProbeKind) credential.ProbeWrite {
	w := credential.ProbeWrite{Kind: kind, At: m.at, Name: probeName}
	switch kind {
	case credential.ProbeMetric:
		w.Value = m.value
	case credential.ProbeDistribution:
		w.Name, w.Value = probeDistribution, m.value
	case credential.ProbeSpan:
		w.TraceID = m.trace.String()
	case credential.ProbeLog, credential.ProbeEvent:
		w.Name = m.text()
	}
	return w
}

func (m probeMark) timestamp() pcommon.Timestamp { return pcommon.NewTimestampFromTime(m.at) }

// markedMetrics is a gauge, a distribution, or a service check by a gauge. Of none of them anything is remembered.
func markedMetrics(kind credential.ProbeKind, m probeMark) pmetric.ResourceMetrics {
	r := pmetric.NewMetrics().ResourceMetrics().AppendEmpty()
	metric := r.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	if kind == credential.ProbeDistribution {
		m.markDistribution(metric)
		return r
	}
	metric.SetName(probeName)
	p := metric.SetEmptyGauge().DataPoints().AppendEmpty()
	p.SetTimestamp(m.timestamp())
	p.Attributes().PutStr(credential.ProbeTag, m.id)
	if kind == credential.ProbeServiceCheck {
		p.SetIntValue(0)
		m.markCheck(p.Attributes())
		return r
	}
	p.SetDoubleValue(m.value)
	return r
}

// markDistribution makes an exponential histogram with one observation: whatever metrics::histograms::mode says, it is sent as a sketch, and
// since it is delta it is remembered nowhere. Its average is the value.
func (m probeMark) markDistribution(metric pmetric.Metric) {
	metric.SetName(probeDistribution)
	h := metric.SetEmptyExponentialHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	p := h.DataPoints().AppendEmpty()
	p.SetStartTimestamp(pcommon.NewTimestampFromTime(m.at.Add(-time.Second)))
	p.SetTimestamp(m.timestamp())
	p.Attributes().PutStr(credential.ProbeTag, m.id)
	p.SetCount(1)
	p.SetSum(m.value)
	p.SetMin(m.value)
	p.SetMax(m.value)
	p.Positive().SetOffset(int32(math.Ceil(math.Log2(m.value))) - 1) // of scale 0, whose bucket i ends with 2^(i+1)
	p.Positive().BucketCounts().Append(1)
}

// markedLogs is a log, an event or a service check.
func markedLogs(kind credential.ProbeKind, m probeMark) plog.ResourceLogs {
	r := plog.NewLogs().ResourceLogs().AppendEmpty()
	lr := r.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	lr.SetTimestamp(m.timestamp())
	lr.SetObservedTimestamp(m.timestamp())
	lr.SetSeverityNumber(plog.SeverityNumberInfo)
	lr.Body().SetStr(m.text())
	attrs := lr.Attributes()
	attrs.PutStr(credential.ProbeTag, m.id)
	switch kind {
	case credential.ProbeEvent:
		attrs.PutStr("datadog.type", "event")
		attrs.PutStr("datadog.event.title", m.text())
		attrs.PutStr("datadog.event.priority", "low")
	case credential.ProbeServiceCheck:
		m.markCheck(attrs)
	default:
		r.Resource().Attributes().PutStr("service.name", probeService)
	}
	return r
}

func (m probeMark) markCheck(attrs pcommon.Map) {
	attrs.PutStr("datadog.type", "service_check")
	attrs.PutStr("datadog.check.name", probeName)
	attrs.PutStr("datadog.check.host", m.host)
	attrs.PutStr("datadog.check.status", "ok")
}

// markedSpans is a trace of one span, which asks to be kept. One that is there for its stats is marked by its version, which is the one text of ours
// that stats have, and by nothing that a span is searched by: it would pass for the other one.
func markedSpans(kind credential.ProbeKind, m probeMark) ptrace.ResourceSpans {
	r := ptrace.NewTraces().ResourceSpans().AppendEmpty()
	r.Resource().Attributes().PutStr("service.name", probeService)
	s := r.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(m.trace)
	s.SetSpanID(m.span)
	s.SetName(probeName)
	s.SetKind(ptrace.SpanKindInternal)
	s.SetStartTimestamp(m.timestamp())
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(m.at.Add(time.Millisecond)))
	if kind == credential.ProbeStats {
		r.Resource().Attributes().PutStr("service.version", m.id)
	} else {
		s.Attributes().PutStr(credential.ProbeTag, m.id)
	}
	s.Attributes().PutStr("operation.name", probeName)
	s.Attributes().PutInt("sampling.priority", 2)
	return r
}

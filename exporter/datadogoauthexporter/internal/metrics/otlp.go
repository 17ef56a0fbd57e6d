package metrics

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire"
)

// maxOTLPBytes is the largest element that fits a body of the OTLP intake before compression.
//
// https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/metrics/
const maxOTLPBytes = 5_000_000

// The fields of Metric that hold its data, and what they have besides data_points = 1.
//
//	message Metric { string name = 1; string description = 2; string unit = 3; oneof data { Gauge gauge = 5; Sum sum = 7; Histogram histogram = 9;
//	  ExponentialHistogram exponential_histogram = 10; Summary summary = 11; } }
//	message Sum { repeated NumberDataPoint data_points = 1; AggregationTemporality aggregation_temporality = 2; bool is_monotonic = 3; }
const (
	otlpGauge       = 5
	otlpSum         = 7
	otlpHistogram   = 9
	otlpExponential = 10
	otlpSummary     = 11

	otlpDelta = 1 // AGGREGATION_TEMPORALITY_DELTA
)

// MapOTLP appends the metrics of one resource to out as items of the OTLP intake, and counts in drops the data points that are not sent, for the
// same reasons as MapExcept does.
//
// The intake takes delta temporality only, so cumulative sums and histograms become delta here, by the same rules and with the same memory as
// in the Agent's form; exponential ones too. What is a gauge to Datadog (cumulative sums that may fall, or with CumulativeRawValue) is
// sent as one. Names, units, tags, sketches and summaries are left to Datadog; exemplars are left out.
func (tx *Tx) MapOTLP(rm pmetric.ResourceMetrics, except Exception, out *intake.Payload, drops *intake.Drops) {
	if tx.otlp == nil {
		tx.otlp = &otlpwire.Writer{MaxBytes: maxOTLPBytes}
	}
	w := tx.otlp
	tx.except, tx.drops = except, drops
	tx.openResource(rm.Resource().Attributes())
	w.Start(out)
	w.Described(otlpwire.AppendResource(w.Describe(0, 1), rm.Resource(), rm.SchemaUrl(), tx.m.opts.FallbackHost))
	for _, sm := range rm.ScopeMetrics().All() {
		tx.openScope(sm.Scope())
		w.Described(otlpwire.AppendScope(w.Describe(1, 2), sm.Scope(), sm.SchemaUrl()))
		for _, m := range sm.Metrics().All() {
			tx.mapOTLPMetric(m)
		}
	}
	w.Finish()
	tx.drops, tx.except = nil, Exception{}
	tx.res.overrides.reset()
	tx.pointAttributes = pcommon.Map{}
}

func (tx *Tx) mapOTLPMetric(m pmetric.Metric) {
	mt := &tx.metric
	mt.source = m.Name()
	mt.name = append(mt.name[:0], validUTF8(mt.source)...)
	mt.known = [numSuffixes]bool{}
	mt.rest = tx.res.identity.plus(tx.base.hash)
	header := otlpwire.AppendString(tx.otlp.Describe(2, 2), 1, m.Name())
	header = otlpwire.AppendString(header, 2, m.Description())
	tx.otlp.Described(otlpwire.AppendString(header, 3, m.Unit()))
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		tx.describeOTLP(otlpGauge, false, false)
		tx.mapOTLPGauge(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		tx.mapOTLPSum(m.Sum())
	case pmetric.MetricTypeHistogram:
		h := m.Histogram()
		if !tx.known(h.AggregationTemporality(), h.DataPoints().Len()) {
			return
		}
		tx.describeOTLP(otlpHistogram, true, false)
		tx.mapOTLPHistograms(h.DataPoints(), h.AggregationTemporality() == pmetric.AggregationTemporalityCumulative)
	case pmetric.MetricTypeExponentialHistogram:
		h := m.ExponentialHistogram()
		if !tx.known(h.AggregationTemporality(), h.DataPoints().Len()) {
			return
		}
		tx.describeOTLP(otlpExponential, true, false)
		tx.mapOTLPExponentials(h.DataPoints(), h.AggregationTemporality() == pmetric.AggregationTemporalityCumulative)
	case pmetric.MetricTypeSummary:
		tx.describeOTLP(otlpSummary, false, false)
		tx.mapOTLPSummaries(m.Summary().DataPoints())
	}
}

// known counts the points of a metric whose temporality is not specified.
func (tx *Tx) known(t pmetric.AggregationTemporality, points int) bool {
	if t == pmetric.AggregationTemporalityDelta || t == pmetric.AggregationTemporalityCumulative {
		return true
	}
	tx.drop(intake.ReasonTemporality, points)
	return false
}

// describeOTLP begins the data of the metric.
func (tx *Tx) describeOTLP(field int, delta, monotonic bool) {
	header := tx.otlp.Describe(3, field)
	if delta {
		header = otlpwire.AppendUint(header, 2, otlpDelta)
	}
	tx.otlp.Described(otlpwire.AppendBool(header, 3, monotonic))
}

// beginOTLPPoint begins a data point, whose time is known to be one.
func (tx *Tx) beginOTLPPoint() []byte { return tx.otlp.BeginItem(1, otlpwire.Medium) }

func (tx *Tx) endOTLPPoint(dst []byte, ts pcommon.Timestamp) {
	if !tx.otlp.EndItem(dst, max(int64(ts/1e9), 1)) {
		tx.drop(intake.ReasonTooLarge, 1)
	}
}

// takesOTLP reports whether a point has a time, without which OTLP calls it invalid, and whether there is room for it. One that is not taken is
// counted, and leaves no trace in the memory of its series.
func (tx *Tx) takesOTLP(ts pcommon.Timestamp) bool {
	switch {
	case ts == 0:
		tx.drop(intake.ReasonMalformed, 1)
		return false
	case tx.otlp.Full():
		tx.drop(intake.ReasonTooLarge, 1)
		return false
	}
	return true
}

// appendOTLPTimes appends start_time_unix_nano = 2 and time_unix_nano = 3, which all kinds of points have. A start after the end is not sent.
func appendOTLPTimes(dst []byte, start, ts uint64) []byte {
	if start <= ts {
		dst = otlpwire.AppendFixed64(dst, 2, start)
	}
	return otlpwire.AppendFixed64(dst, 3, ts)
}

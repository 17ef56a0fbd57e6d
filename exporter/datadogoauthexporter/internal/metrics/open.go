package metrics

import (
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

func (tx *Tx) openResource(attrs pcommon.Map) {
	r, o, key := &tx.res, &tx.m.opts, tx.m.key
	kind, id := attributes.Source(attrs)
	own := "" // distinguishes cumulative series even where it is not sent
	switch kind {
	case attributes.KindHost:
		own = validUTF8(id)
		r.name = own
		if o.DropResourceHost {
			r.name = o.FallbackHost
		}
	case attributes.KindNone:
		own, r.name = o.FallbackHost, o.FallbackHost
	default:
		r.name = ""
	}
	r.host = r.host[:0]
	if r.name != "" {
		r.host = appendResource(r.host, "host", r.name)
	}
	prefix, id := attributes.OriginID(attrs)
	r.identity = tx.tenantHash
	tx.text = append(tx.text[:0], own...)
	r.identity = r.identity.plus(key.sum(partHost, tx.text))
	tx.text = append(tx.text[:0], r.name...)
	r.sent = key.sum(partHost, tx.text)
	tx.text = tx.text[:0]
	for name, v := range attrs.All() {
		tx.text = append(append(append(tx.text, name...), 0), byte(v.Type()))
		tx.text = append(attributes.AppendValue(tx.text, v), 0)
	}
	r.whole = key.sum(partTag, tx.text).a
	tx.text = append(append(tx.text[:0], prefix...), id...)
	r.identity = r.identity.plus(key.sum(partOrigin, tx.text))

	tx.base.reset(key)
	attributes.EachTag(attrs, tx.addBase)
	r.tags, r.tagHash = len(tx.base.all), tx.base.hash
	r.asType, r.hasAsType = "", false
	if o.ResourceAttributesAsTags {
		r.overrides.read(attrs)
		if v, ok := r.overrides.get(asTypeAttribute); ok {
			r.asType, r.hasAsType = v.Str(), true
		}
	}
}

func (tx *Tx) openScope(sc pcommon.InstrumentationScope) {
	b := &tx.base
	b.all, b.hash = b.all[:tx.res.tags], tx.res.tagHash
	if tx.m.opts.ScopeTags {
		b.addOrNA("instrumentation_scope", sc.Name())
		b.addOrNA("instrumentation_scope_version", sc.Version())
		sc.Attributes().Range(tx.mapScope)
	}
	b.all = append(b.all, tx.m.writer.field...)
	if b.giveUp {
		// It may stay set for the next scope of the resource, which costs that scope a split and nothing else.
		b.hasDevice = false
		b.split()
	}
	tx.scope.arrived, tx.scope.sent = false, tx.res.sent.plus(b.hash)
	tx.scope.seriesOrigin = appendOrigin(tx.scope.seriesOrigin[:0], 9, sc.Name())
	tx.scope.sketchOrigin = appendOrigin(tx.scope.sketchOrigin[:0], 8, sc.Name())
}

func (tx *Tx) mapMetric(m pmetric.Metric) {
	mt := &tx.metric
	mt.source = m.Name()
	if tx.copy == nil {
		mt.name = tx.appendOwnName(mt.name[:0], mt.source)
	} else {
		mt.name = append(mt.name[:0], tx.copy.name...)
	}
	if len(mt.name) == 0 || !isASCIILetter(mt.name[0]) {
		tx.drop(intake.ReasonMalformed, DataPoints(m))
		return
	}
	mt.nameChars = utf8.RuneCount(mt.name)
	mt.unit = mt.unit[:0]
	if tx.m.opts.Units && (tx.copy == nil || !tx.copy.noUnit) {
		mt.unit = appendUnit(mt.unit, m.Unit())
	}
	mt.known = [numSuffixes]bool{}
	mt.rest = tx.res.identity.plus(tx.base.hash)
	switch m.Type() {
	case pmetric.MetricTypeGauge:
		tx.mapGauge(m.Gauge().DataPoints())
	case pmetric.MetricTypeSum:
		tx.mapSum(m.Sum())
	case pmetric.MetricTypeHistogram:
		h := m.Histogram()
		switch h.AggregationTemporality() {
		case pmetric.AggregationTemporalityDelta:
			tx.mapHistograms(h.DataPoints(), true)
		case pmetric.AggregationTemporalityCumulative:
			tx.mapHistograms(h.DataPoints(), false)
		default:
			tx.drop(intake.ReasonTemporality, h.DataPoints().Len())
		}
	case pmetric.MetricTypeExponentialHistogram:
		h := m.ExponentialHistogram()
		if h.AggregationTemporality() != pmetric.AggregationTemporalityDelta {
			tx.drop(intake.ReasonTemporality, h.DataPoints().Len())
			return
		}
		tx.mapExponentialHistograms(h.DataPoints())
	case pmetric.MetricTypeSummary:
		tx.mapSummaries(m.Summary().DataPoints())
	}
}

// validUTF8 repairs text that is not UTF-8: a strict decoder refuses a whole payload for it.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

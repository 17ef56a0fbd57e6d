package intake

import (
	"encoding/json"
	"math"
	"net/http"
	"slices"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// RefuseOTLP makes the OTLP intakes answer an org as one for which Datadog has not enabled them. Its key is good everywhere else.
func (in *Intake) RefuseOTLP(orgID string, on bool) {
	o := in.org(orgID)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.noOTLP = on
}

// admitOTLP judges the org and the headers of an OTLP body.
func admitOTLP(o *org, h http.Header) error {
	o.mu.Lock()
	refused := o.noOTLP
	o.mu.Unlock()
	if refused {
		return refuse(http.StatusForbidden, "organization is not allowed")
	}
	if v := h.Get("compute_stats"); v != "" && v != "true" && v != "false" {
		return badRequest("compute_stats is %.100q", v)
	}
	if err := checkHeader(h, "dd-otel-span-mapping", &struct {
		IgnoreResources        []string          `json:"ignore_resources"`
		SpanNameRemappings     map[string]string `json:"span_name_remappings"`
		SpanNameAsResourceName bool              `json:"span_name_as_resource_name"`
	}{}); err != nil {
		return err
	}
	var m struct {
		ResourceAttributesAsTags bool `json:"resource_attributes_as_tags"`
		ScopeMetadataAsTags      bool `json:"instrumentation_scope_metadata_as_tags"`
		Histograms               struct {
			Mode                   string `json:"mode"`
			SendAggregationMetrics bool   `json:"send_aggregation_metrics"`
		} `json:"histograms"`
		Summaries struct {
			Mode string `json:"mode"`
		} `json:"summaries"`
	}
	if err := checkHeader(h, "dd-otel-metric-config", &m); err != nil {
		return err
	}
	if !slices.Contains([]string{"", "distributions", "counters", "nobuckets"}, m.Histograms.Mode) ||
		!slices.Contains([]string{"", "gauges", "noquantiles"}, m.Summaries.Mode) {
		return badRequest("dd-otel-metric-config: histograms.mode %.100q, summaries.mode %.100q", m.Histograms.Mode, m.Summaries.Mode)
	}
	return nil
}

func checkHeader(h http.Header, name string, into any) error {
	text := h.Get(name)
	if text == "" {
		return nil
	}
	if !json.Valid([]byte(text)) {
		return badRequest("%s is no JSON: %.100q", name, text)
	}
	if err := decodeStrict([]byte(text), into); err != nil {
		return badRequest("%s: %v", name, err)
	}
	return nil
}

func checkOTLPSpan(s *tracepb.Span) error {
	if len(s.TraceId) != 16 || len(s.SpanId) != 8 || allZero(s.TraceId) || allZero(s.SpanId) || len(s.ParentSpanId) != 0 && len(s.ParentSpanId) != 8 {
		return badRequest("span %.100q: trace id %x, span id %x, parent %x", s.Name, s.TraceId, s.SpanId, s.ParentSpanId)
	}
	for _, l := range s.Links {
		if !idLength(l.TraceId, 16) || !idLength(l.SpanId, 8) {
			return badRequest("span %.100q: a link to %x, %x", s.Name, l.TraceId, l.SpanId)
		}
	}
	return nil
}

func checkOTLPRecord(r *logspb.LogRecord) error {
	if !idLength(r.TraceId, 16) || !idLength(r.SpanId, 8) {
		return badRequest("log record: trace id %x, span id %x", r.TraceId, r.SpanId)
	}
	return nil
}

func idLength(id []byte, n int) bool { return len(id) == 0 || len(id) == n }

func allZero(id []byte) bool { return !slices.ContainsFunc(id, func(b byte) bool { return b != 0 }) }

// checkNumber refuses what no number can be read of, and a delta that ends before it begins.
func checkNumber(name string, p *metricspb.NumberDataPoint) error {
	switch v := p.Value.(type) {
	case nil:
		return badRequest("metric %.200q has a point without a value", name)
	case *metricspb.NumberDataPoint_AsDouble:
		if math.IsNaN(v.AsDouble) || math.IsInf(v.AsDouble, 0) {
			return badRequest("metric %.200q has the value %v", name, v.AsDouble)
		}
	}
	return checkTimes(name, p.StartTimeUnixNano, p.TimeUnixNano)
}

func checkTimes(name string, start, ts uint64) error {
	if ts == 0 || start > ts {
		return badRequest("metric %.200q has a point from %d to %d", name, start, ts)
	}
	return nil
}

// checkHistogram refuses buckets that do not add up to the count.
func checkHistogram(name string, p *metricspb.HistogramDataPoint) error {
	total := uint64(0)
	for _, n := range p.BucketCounts {
		total += n
	}
	if len(p.BucketCounts) > 0 && (len(p.BucketCounts) != len(p.ExplicitBounds)+1 || total != p.Count) {
		return badRequest("metric %.200q has %d buckets between %d bounds, of %d, and a count of %d", name, len(p.BucketCounts), len(p.ExplicitBounds), total, p.Count)
	}
	return checkTimes(name, p.StartTimeUnixNano, p.TimeUnixNano)
}

func checkExponential(name string, p *metricspb.ExponentialHistogramDataPoint) error {
	total := p.ZeroCount
	for _, b := range []*metricspb.ExponentialHistogramDataPoint_Buckets{p.Positive, p.Negative} {
		for _, n := range b.GetBucketCounts() {
			total += n
		}
	}
	if total != p.Count {
		return badRequest("metric %.200q has buckets of %d and a count of %d", name, total, p.Count)
	}
	return checkTimes(name, p.StartTimeUnixNano, p.TimeUnixNano)
}

package oracle

import (
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/DataDog/agent-payload/v5/gogen"
	"github.com/DataDog/datadog-agent/pkg/opentelemetry-mapping-go/otlp/attributes"
	"github.com/DataDog/datadog-agent/pkg/opentelemetry-mapping-go/otlp/attributes/source"
	"github.com/DataDog/datadog-agent/pkg/opentelemetry-mapping-go/otlp/metrics"
	"github.com/DataDog/datadog-agent/pkg/util/quantile"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// metricsMode is one configuration of both sides that must mean the same.
type metricsMode struct {
	name   string
	ours   settings // keys below metrics, and hostname
	theirs []metrics.TranslatorOption
	// resourceTags copies resource attributes to the attributes of points, as Datadog's exporter does before it translates.
	resourceTags bool
	// remaps says that metrics are copied or renamed. Those of runtimes are when the translator is not told otherwise.
	remaps bool
	// noUnits says that no units are sent.
	noUnits bool
	// noHosts says that a host is not sent, whatever the resource names.
	noHosts bool
}

// fallbackHost is the host of one of the modes.
const fallbackHost = "fallback.example"

// staticSource is a provider of a fixed host.
type staticSource struct{}

// Source implements source.Provider.
func (staticSource) Source(context.Context) (source.Source, error) {
	//lint:ignore SA1019 the translator reads the field that is deprecated
	return source.Source{Kind: source.HostnameKind, Identifier: fallbackHost, SourceIdentifier: source.SourceIdentifier{Primary: fallbackHost}}, nil
}

var (
	asScopeTags  = metrics.WithInstrumentationScopeMetadataAsTags()
	asQuantiles  = metrics.WithQuantiles()
	aggregations = metrics.WithHistogramAggregations()
)

// metricsModes are the modes that spec/metrics.md §1.1 lists, each beside the default.
var metricsModes = []metricsMode{
	{name: "default", theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles}},
	{
		name:   "aggregations",
		ours:   settings{"metrics": settings{"histograms": settings{"send_aggregation_metrics": true}}},
		theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles, aggregations},
	},
	{
		name:   "counters",
		ours:   settings{"metrics": settings{"histograms": settings{"mode": "counters"}}},
		theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles, metrics.WithHistogramMode(metrics.HistogramModeCounters)},
	},
	{
		name:   "counters+aggregations",
		ours:   settings{"metrics": settings{"histograms": settings{"mode": "counters", "send_aggregation_metrics": true}}},
		theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles, aggregations, metrics.WithHistogramMode(metrics.HistogramModeCounters)},
	},
	{
		name:   "nobuckets",
		ours:   settings{"metrics": settings{"histograms": settings{"mode": "nobuckets", "send_aggregation_metrics": true}}},
		theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles, aggregations, metrics.WithHistogramMode(metrics.HistogramModeNoBuckets)},
	},
	{
		name:   "raw_value",
		ours:   settings{"metrics": settings{"sums": settings{"cumulative_monotonic_mode": "raw_value"}}},
		theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles, metrics.WithNumberMode(metrics.NumberModeRawValue)},
	},
	{
		name:   "keep",
		ours:   settings{"metrics": settings{"sums": settings{"initial_cumulative_monotonic_value": "keep"}}},
		theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles, metrics.WithInitialCumulMonoValueMode(metrics.InitialCumulMonoValueModeKeep)},
	},
	{
		name:   "drop",
		ours:   settings{"metrics": settings{"sums": settings{"initial_cumulative_monotonic_value": "drop"}}},
		theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles, metrics.WithInitialCumulMonoValueMode(metrics.InitialCumulMonoValueModeDrop)},
	},
	{
		name:   "noquantiles",
		ours:   settings{"metrics": settings{"summaries": settings{"mode": "noquantiles"}}},
		theirs: []metrics.TranslatorOption{asScopeTags},
	},
	{
		name:         "resource_attributes_as_tags",
		ours:         settings{"metrics": settings{"resource_attributes_as_tags": true}},
		theirs:       []metrics.TranslatorOption{asScopeTags, asQuantiles},
		resourceTags: true,
	},
	{
		name:   "no scope tags",
		ours:   settings{"metrics": settings{"instrumentation_scope_metadata_as_tags": false}},
		theirs: []metrics.TranslatorOption{asQuantiles},
	},
	{
		name:   "hostname",
		ours:   settings{"hostname": fallbackHost},
		theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles, metrics.WithFallbackSourceProvider(staticSource{})},
	},
	{
		name:   "infer_interval_for_delta",
		ours:   settings{"metrics": settings{"infer_interval_for_delta": true}},
		theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles, metrics.WithInferDeltaInterval()},
	},
	{
		name:    "no units",
		ours:    settings{"metrics": settings{"units": false}},
		theirs:  []metrics.TranslatorOption{asScopeTags, asQuantiles},
		noUnits: true,
	},
	{
		name:    "resource_host: drop",
		ours:    settings{"resource_host": "drop"},
		theirs:  []metrics.TranslatorOption{asScopeTags, asQuantiles},
		noHosts: true,
	},
	{
		name:   "remapping: runtime",
		ours:   settings{"metrics": settings{"remapping": "runtime"}},
		theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles},
		remaps: true,
	},
	{
		name:   "remapping: all",
		ours:   settings{"metrics": settings{"remapping": "all"}},
		theirs: []metrics.TranslatorOption{asScopeTags, asQuantiles, metrics.WithRemapping()},
		remaps: true,
	},
	{
		name: "remapping: all, and every other option",
		ours: settings{"metrics": settings{
			"remapping": "all", "infer_interval_for_delta": true, "resource_attributes_as_tags": true, "histograms": settings{"send_aggregation_metrics": true},
			"sums": settings{"initial_cumulative_monotonic_value": "keep"},
		}},
		theirs: []metrics.TranslatorOption{
			asScopeTags, asQuantiles, metrics.WithRemapping(), metrics.WithInferDeltaInterval(), aggregations,
			metrics.WithInitialCumulMonoValueMode(metrics.InitialCumulMonoValueModeKeep),
		},
		remaps:       true,
		resourceTags: true,
	},
}

// translateMetrics is Datadog's side. It translates the payloads one after another with one memory of cumulative series, in the way of
// Datadog's exporter with its default feature gates, unless the mode says otherwise: units on, no metric renamed or copied.
func translateMetrics(ctx context.Context, mode metricsMode, used exceptions, load []pmetric.Metrics) ([]item, error) {
	tr, err := newMetricsTranslator(mode, used)
	if err != nil {
		return nil, err
	}
	c := metricsConsumer{noHosts: mode.noHosts, used: used}
	for _, d := range load {
		switch {
		case mode.resourceTags:
			d = withResourceTags(d)
		case mode.remaps: // the translator renames in place
			own := pmetric.NewMetrics()
			d.CopyTo(own)
			d = own
		}
		c.seconds.call++
		// A payload may end with a malformed histogram: see malformedHistogramCostsItselfOnly.
		if _, err := tr.MapMetrics(ctx, d, &c, nil); err != nil && !aboutMalformed.MatchString(err.Error()) {
			return nil, err
		}
	}
	return lastWrites(c.items), c.err
}

// aboutMalformed are the errors for counts that do not go with bounds, and for bounds that fall.
var aboutMalformed = regexp.MustCompile(`non-monotonic boundaries|bucket counts but \d+ explicit bounds|bucket counts length does not match`)

func newMetricsTranslator(mode metricsMode, used exceptions) (metrics.Provider, error) {
	set := componenttest.NewNopTelemetrySettings()
	attrs, err := attributes.NewTranslator(set)
	if err != nil {
		return nil, err
	}
	options := append([]metrics.TranslatorOption{metrics.WithOriginProduct(metrics.OriginProductDatadogExporter)}, mode.theirs...)
	if used.off == noFallbackHost {
		options = append(options, metrics.WithFallbackSourceProvider(staticSource{}))
	}
	if !mode.remaps {
		options = append(options, metrics.WithoutRuntimeMetricMappings())
	}
	if !mode.noUnits {
		options = append(options, metrics.WithUnits())
	}
	return metrics.NewDefaultTranslator(set, attrs, options...)
}

// withResourceTags does what the collector's package resourcetotelemetry does.
func withResourceTags(d pmetric.Metrics) pmetric.Metrics {
	out := pmetric.NewMetrics()
	d.CopyTo(out)
	for _, rm := range out.ResourceMetrics().All() {
		eachPoint(rm, func(_ pmetric.Metric, attrs pcommon.Map) {
			for key, v := range rm.Resource().Attributes().All() {
				v.CopyTo(attrs.PutEmpty(key))
			}
		})
	}
	return out
}

func eachPoint(rm pmetric.ResourceMetrics, f func(m pmetric.Metric, attrs pcommon.Map)) {
	for _, sm := range rm.ScopeMetrics().All() {
		for _, m := range sm.Metrics().All() {
			switch m.Type() {
			case pmetric.MetricTypeGauge:
				for _, p := range m.Gauge().DataPoints().All() {
					f(m, p.Attributes())
				}
			case pmetric.MetricTypeSum:
				for _, p := range m.Sum().DataPoints().All() {
					f(m, p.Attributes())
				}
			case pmetric.MetricTypeHistogram:
				for _, p := range m.Histogram().DataPoints().All() {
					f(m, p.Attributes())
				}
			case pmetric.MetricTypeExponentialHistogram:
				for _, p := range m.ExponentialHistogram().DataPoints().All() {
					f(m, p.Attributes())
				}
			case pmetric.MetricTypeSummary:
				for _, p := range m.Summary().DataPoints().All() {
					f(m, p.Attributes())
				}
			}
		}
	}
}

// metricsConsumer makes of the translator's output what Datadog's serializer would send.
type metricsConsumer struct {
	items   []item
	seconds countSeconds
	noHosts bool
	used    exceptions
	err     error
}

var _ metrics.Consumer = (*metricsConsumer)(nil)

// ConsumeTimeSeries implements metrics.TimeSeriesConsumer.
func (c *metricsConsumer) ConsumeTimeSeries(_ context.Context, d *metrics.Dimensions, typ metrics.DataType, ts uint64, interval int64, value float64) {
	if (strings.HasSuffix(d.Name(), ".min") || strings.HasSuffix(d.Name(), ".max")) && (math.IsNaN(value) || math.IsInf(value, 0)) && c.used.off != extremaAreFinite {
		c.used.use(extremaAreFinite)
		return
	}
	types := map[metrics.DataType]gogen.MetricPayload_MetricType{
		metrics.Gauge: gogen.MetricPayload_GAUGE, metrics.Count: gogen.MetricPayload_COUNT, metrics.Rate: gogen.MetricPayload_RATE,
	}
	s := seriesPoint{
		metric: d.Name(), host: d.Host(), unit: d.Unit(), typ: types[typ], interval: interval, ts: int64(ts / 1e9), value: value,
		product: uint32(d.OriginProduct()), service: uint32(d.OriginProductDetail()),
	}
	s.tags, s.resources = giveUpTags(d.Tags())
	if c.noHosts {
		s.host = ""
	}
	var added *takenSecond
	if s.ts, added = c.seconds.place(s, typ, ts, len(c.items), c.used); added != nil {
		c.items[added.at].fields["value"] = number(added.sum)
		return
	}
	c.items = append(c.items, s.item())
}

// giveUpTags takes out the tags of which Datadog's serializer makes resources of a series (spec/metrics.md §12.5).
func giveUpTags(tags []string) (kept, resources []string) {
	device := ""
	for _, tag := range tags {
		if name, ok := strings.CutPrefix(tag, "device:"); ok {
			device = name
			continue
		}
		if r, ok := strings.CutPrefix(tag, "dd.internal.resource:"); ok {
			if kind, name, _ := strings.Cut(r, ":"); kind != "" && name != "" {
				resources = append(resources, kind+":"+name)
			}
			continue
		}
		kept = append(kept, tag)
	}
	if device != "" {
		resources = append(resources, "device:"+device)
	}
	return kept, resources
}

// ConsumeSketch implements metrics.SketchConsumer.
func (c *metricsConsumer) ConsumeSketch(_ context.Context, d *metrics.Dimensions, ts uint64, _ int64, s *quantile.Sketch) {
	for _, f := range []float64{s.Basic.Min, s.Basic.Max, s.Basic.Avg, s.Basic.Sum} {
		if (math.IsNaN(f) || math.IsInf(f, 0)) && c.used.off != sketchesAreFinite {
			c.used.use(sketchesAreFinite)
			return
		}
	}
	k, n := s.Cols()
	p := sketchPoint{
		metric: d.Name(), host: d.Host(), tags: slices.Clone(d.Tags()), ts: int64(ts / 1e9),
		product: uint32(d.OriginProduct()), service: uint32(d.OriginProductDetail()),
		cnt: s.Basic.Cnt, min: s.Basic.Min, max: s.Basic.Max, avg: s.Basic.Avg, sum: s.Basic.Sum, k: k, n: n,
	}
	if c.noHosts {
		p.host = ""
	}
	c.items = append(c.items, p.item())
}

var errRawHistogram = errors.New("the default translator gave a raw histogram")

// ConsumeExplicitBoundHistogram implements metrics.ExplicitBoundHistogramConsumer.
func (c *metricsConsumer) ConsumeExplicitBoundHistogram(_ context.Context, d *metrics.Dimensions, _ pmetric.HistogramDataPointSlice) {
	c.err = fmt.Errorf("%s: %w", d.Name(), errRawHistogram)
}

// ConsumeExponentialHistogram implements metrics.ExponentialHistogramConsumer.
func (c *metricsConsumer) ConsumeExponentialHistogram(_ context.Context, d *metrics.Dimensions, _ pmetric.ExponentialHistogramDataPointSlice) {
	c.err = fmt.Errorf("%s: %w", d.Name(), errRawHistogram)
}

// lastWrites leaves one point of each series and second: Datadog keeps the last, and so does the stand-in.
func lastWrites(items []item) []item {
	at := make(map[string]int)
	var out []item
	for _, it := range items {
		key := it.group + "\x00" + it.fields["host"] + "\x00" + it.fields["tags"]
		if i, ok := at[key]; ok {
			out[i] = it
			continue
		}
		at[key] = len(out)
		out = append(out, it)
	}
	return out
}

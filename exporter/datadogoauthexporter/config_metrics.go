package datadogoauthexporter

import (
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// MetricsConfig is about series and sketches.
type MetricsConfig struct {
	// Intake is agent or otlp.
	Intake IntakeForm `mapstructure:"intake"`
	// Compression of series and sketches.
	Compression intake.Compression `mapstructure:"compression"`
	// MaxAge is how old a point may be when it is sent. Datadog takes one hour, of which some is needed for the way; set more for customers with
	// Historical Metrics.
	MaxAge time.Duration `mapstructure:"max_age"`
	// MaxAhead is how far ahead of the clock a point may be when it is sent. Datadog takes ten minutes.
	MaxAhead time.Duration `mapstructure:"max_ahead"`
	// ResourceAttributesAsTags copies every resource attribute to the tags.
	ResourceAttributesAsTags bool `mapstructure:"resource_attributes_as_tags"`
	// ScopeMetadataAsTags adds name, version and attributes of the instrumentation scope to the tags.
	ScopeMetadataAsTags bool `mapstructure:"instrumentation_scope_metadata_as_tags"`
	// InferIntervalForDelta gives delta sums an interval.
	InferIntervalForDelta bool `mapstructure:"infer_interval_for_delta"`
	// Units sends units, in Datadog's words.
	Units bool `mapstructure:"units"`
	// Remapping is none, runtime or all: which metrics are sent under the names of Datadog's own checks as well.
	Remapping metrics.Remapping `mapstructure:"remapping"`
	// Shared says that other collectors take turns with this one at a tenant's series, behind a balancer. What another one may have counted of a
	// cumulative series is then not counted here.
	Shared bool `mapstructure:"shared"`
	// WriterTag is the last tag of each series and sketch, so that no other collector overwrites it. Empty for none.
	WriterTag string `mapstructure:"writer_tag"`
	// DeltaTTL is how long a cumulative series is remembered after its last point.
	DeltaTTL time.Duration `mapstructure:"delta_ttl"`
	// MaxSeriesPerTenant and MaxSeries bound the cumulative series that are remembered.
	MaxSeriesPerTenant int `mapstructure:"max_series_per_tenant"`
	MaxSeries          int `mapstructure:"max_series"`

	Sums       SumsConfig       `mapstructure:"sums"`
	Histograms HistogramsConfig `mapstructure:"histograms"`
	Summaries  SummariesConfig  `mapstructure:"summaries"`
}

// SumsConfig is about cumulative monotonic sums.
type SumsConfig struct {
	// CumulativeMonotonicMode is to_delta or raw_value.
	CumulativeMonotonicMode metrics.CumulativeMonotonicMode `mapstructure:"cumulative_monotonic_mode"`
	// InitialCumulativeMonotonicValue is auto, keep or drop.
	InitialCumulativeMonotonicValue metrics.InitialValue `mapstructure:"initial_cumulative_monotonic_value"`
}

// HistogramsConfig is about explicit-bounds histograms.
type HistogramsConfig struct {
	// Mode is distributions, counters or nobuckets.
	Mode metrics.HistogramMode `mapstructure:"mode"`
	// SendAggregationMetrics adds count, sum, min and max.
	SendAggregationMetrics bool `mapstructure:"send_aggregation_metrics"`
}

// SummariesConfig is about summaries.
type SummariesConfig struct {
	// Mode is gauges or noquantiles.
	Mode metrics.SummaryMode `mapstructure:"mode"`
}

func (m *MetricsConfig) validate(f *faults) {
	f.compression("metrics", m.Compression)
	f.age("metrics", m.MaxAge)
	if m.MaxAhead < 0 {
		f.add("metrics::max_ahead", "must not be negative, got %s; 0 sends data of any date", m.MaxAhead)
	}
	if m.DeltaTTL <= 0 {
		f.add("metrics::delta_ttl", "must be positive, got %s", m.DeltaTTL)
	}
	if m.MaxSeriesPerTenant <= 0 {
		f.add("metrics::max_series_per_tenant", "must be positive, got %d", m.MaxSeriesPerTenant)
	}
	if m.MaxSeries <= 0 {
		f.add("metrics::max_series", "must be positive, got %d", m.MaxSeries)
	}
	oneOf(f, "metrics::remapping", m.Remapping, metrics.RemapNone, metrics.RemapRuntime, metrics.RemapAll)
	oneOf(f, "metrics::sums::cumulative_monotonic_mode", m.Sums.CumulativeMonotonicMode, metrics.CumulativeToDelta, metrics.CumulativeRawValue)
	oneOf(f, "metrics::sums::initial_cumulative_monotonic_value", m.Sums.InitialCumulativeMonotonicValue, metrics.InitialAuto, metrics.InitialKeep, metrics.InitialDrop)
	oneOf(f, "metrics::histograms::mode", m.Histograms.Mode, metrics.HistogramDistributions, metrics.HistogramCounters, metrics.HistogramNoBuckets)
	if m.Histograms.Mode == metrics.HistogramNoBuckets && !m.Histograms.SendAggregationMetrics {
		f.add("metrics::histograms", "mode nobuckets without send_aggregation_metrics sends nothing")
	}
	m.validateWriters(f)
	oneOf(f, "metrics::summaries::mode", m.Summaries.Mode, metrics.SummaryGauges, metrics.SummaryNoQuantiles)
}

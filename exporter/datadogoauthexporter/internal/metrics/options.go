package metrics

import "time"

// HistogramMode says what becomes of the buckets of an explicit-bounds histogram.
type HistogramMode string

// The histogram modes.
const (
	HistogramDistributions HistogramMode = "distributions" // one sketch per data point
	HistogramCounters      HistogramMode = "counters"      // one count per bucket, tagged lower_bound and upper_bound
	HistogramNoBuckets     HistogramMode = "nobuckets"     // nothing: only the aggregations, if they are on
)

// CumulativeMonotonicMode says what becomes of a cumulative monotonic sum.
type CumulativeMonotonicMode string

// The modes of a cumulative monotonic sum.
const (
	CumulativeToDelta  CumulativeMonotonicMode = "to_delta"  // a count: the difference to the point before
	CumulativeRawValue CumulativeMonotonicMode = "raw_value" // a gauge: the value as received
)

// InitialValue says when the first point of a cumulative monotonic series is sent, with its full value.
type InitialValue string

// The rules for a first point. A point after a reset is a first point too.
const (
	InitialAuto InitialValue = "auto" // when the series began after this process did
	InitialKeep InitialValue = "keep" // always
	InitialDrop InitialValue = "drop" // never
)

// SummaryMode says whether the quantiles of a summary are sent.
type SummaryMode string

// The summary modes.
const (
	SummaryGauges      SummaryMode = "gauges"      // one gauge per quantile, tagged quantile
	SummaryNoQuantiles SummaryMode = "noquantiles" // count and sum only
)

// Remapping says which metrics are sent under a second name as well, the one that Datadog's own dashboards know.
type Remapping string

// The remappings. They are the three states of the two feature gates of Datadog's exporter.
const (
	RemapNone    Remapping = "none"    // every metric has the name it came with
	RemapRuntime Remapping = "runtime" // metrics of language runtimes are copied
	RemapAll     Remapping = "all"     // those of hosts, containers, Kafka and the JVM too; system.* and process.* are renamed to otel.*
)

// Options are the settings of a Mapper. An empty mode, a zero number and a nil function mean the default of DefaultOptions.
type Options struct {
	// FallbackHost is the host of resources that name none. Default empty: such series have no host, and the machine of the
	// collector is nobody's host.
	FallbackHost string
	// DropResourceHost treats a resource that names a host as one that names none. Its cumulative series are kept apart all the same.
	DropResourceHost bool

	HistogramMode HistogramMode
	// SendAggregations adds .count and .sum, and for delta points .min and .max, to every histogram.
	SendAggregations bool

	CumulativeMonotonic CumulativeMonotonicMode
	InitialValue        InitialValue
	SummaryMode         SummaryMode
	Remapping           Remapping

	// InferDeltaInterval gives delta sums the time between start and end as interval, where it is about a whole number of seconds.
	InferDeltaInterval bool
	// Units sends units, in Datadog's words. Default true.
	Units bool
	// ScopeTags adds the name, version and attributes of the instrumentation scope as tags. Default true.
	ScopeTags bool
	// ResourceAttributesAsTags copies every resource attribute onto each data point.
	ResourceAttributesAsTags bool

	// WriterTag is the last tag of every series and sketch, as key:value. Empty for none.
	WriterTag string

	// Now is the clock of DeltaTTL. Default time.Now.
	Now func() time.Time
	// ProcessStart is what InitialAuto compares with. Default: when New is called.
	ProcessStart time.Time

	// Shared says that other collectors take turns with this one at the series of a tenant. What another one may have counted is then not counted
	// here: see stay.
	Shared bool

	// DeltaTTL is how long a cumulative series is remembered after its last point. Default 1h.
	DeltaTTL time.Duration
	// MaxSeriesPerTenant and MaxSeries bound the series remembered per tenant and in all. Above either the series that was
	// longest without a point is forgotten. Defaults 200,000 and 1,000,000; a series takes about 100 bytes. A cumulative
	// histogram counts as one per bucket, which takes 40 bytes, and four more.
	MaxSeriesPerTenant int
	MaxSeries          int
}

// DefaultOptions are the settings of Datadog's own exporter, but for the fallback host.
func DefaultOptions() Options {
	return Options{
		HistogramMode:       HistogramDistributions,
		CumulativeMonotonic: CumulativeToDelta,
		InitialValue:        InitialAuto,
		SummaryMode:         SummaryGauges,
		Remapping:           RemapNone,
		Units:               true,
		ScopeTags:           true,
		DeltaTTL:            time.Hour,
		MaxSeriesPerTenant:  200_000,
		MaxSeries:           1_000_000,
	}
}

// withDefaults fills what is empty. ScopeTags and Units have no empty value and stay as they are.
func (o Options) withDefaults() Options {
	d := DefaultOptions()
	if o.HistogramMode == "" {
		o.HistogramMode = d.HistogramMode
	}
	if o.CumulativeMonotonic == "" {
		o.CumulativeMonotonic = d.CumulativeMonotonic
	}
	if o.InitialValue == "" {
		o.InitialValue = d.InitialValue
	}
	if o.SummaryMode == "" {
		o.SummaryMode = d.SummaryMode
	}
	if o.Remapping == "" {
		o.Remapping = d.Remapping
	}
	if o.DeltaTTL <= 0 {
		o.DeltaTTL = d.DeltaTTL
	}
	if o.MaxSeriesPerTenant <= 0 {
		o.MaxSeriesPerTenant = d.MaxSeriesPerTenant
	}
	if o.MaxSeries <= 0 {
		o.MaxSeries = d.MaxSeries
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.ProcessStart.IsZero() {
		o.ProcessStart = o.Now()
	}
	return o
}

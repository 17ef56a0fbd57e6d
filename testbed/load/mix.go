package load

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	_ "embed"
)

// Mix is what a load is made of.
type Mix struct {
	Metrics MetricsMix `json:"metrics"`
	Traces  TracesMix  `json:"traces"`
}

// MetricsMix is the share of each kind of data point.
type MetricsMix struct {
	Gauge                int `json:"gauge_percent"`
	CumulativeSum        int `json:"cumulative_sum_percent"`
	Histogram            int `json:"histogram_percent"`
	ExponentialHistogram int `json:"exponential_histogram_percent"` // always delta: Datadog's rules drop cumulative ones
	// HistogramTemporality is that of histograms with explicit bounds, "delta" or "cumulative".
	HistogramTemporality string `json:"histogram_temporality"`
	PointsPerMetric      int    `json:"points_per_metric"`
	ExponentialBuckets   int    `json:"exponential_buckets"`
}

// TracesMix is the shape of a trace: a server span, and below it database calls and internal spans.
type TracesMix struct {
	SpansPerTrace    int `json:"spans_per_trace"`
	SQLSpansPerTrace int `json:"sql_spans_per_trace"`
	// Statements is how many different SQL statements there are, apart from their literals. ChangingLiterals is the share of them whose
	// literals differ from span to span; the others have placeholders, as instrumented drivers send them.
	Statements       int `json:"statements"`
	ChangingLiterals int `json:"changing_literals_percent"`
}

//go:embed mix.json
var defaultMix []byte

// DefaultMix is mix.json.
func DefaultMix() Mix {
	m, err := ParseMix(defaultMix)
	if err != nil {
		panic(err) // a test reads it too
	}
	return m
}

// ParseMix reads a mix in the form of mix.json.
func ParseMix(text []byte) (Mix, error) {
	var m Mix
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return Mix{}, fmt.Errorf("mix: %w", err)
	}
	return m, m.validate()
}

func (m Mix) validate() error {
	var errs []error
	add := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("mix: "+key+": "+format, args...))
	}
	p := m.Metrics
	for _, share := range []int{p.Gauge, p.CumulativeSum, p.Histogram, p.ExponentialHistogram} {
		if share < 0 {
			add("metrics", "no share may be negative, got %d", share)
		}
	}
	if sum := p.Gauge + p.CumulativeSum + p.Histogram + p.ExponentialHistogram; sum != 100 {
		add("metrics", "the shares must add up to 100, got %d", sum)
	}
	if p.HistogramTemporality != "delta" && p.HistogramTemporality != "cumulative" {
		add("metrics.histogram_temporality", "must be delta or cumulative, got %q", p.HistogramTemporality)
	}
	if p.PointsPerMetric < 1 || p.ExponentialBuckets < 1 || p.ExponentialBuckets > 160 {
		add("metrics", "needs at least one point per metric, and 1 to 160 exponential buckets")
	}
	t := m.Traces
	if t.SpansPerTrace < 1 || t.SQLSpansPerTrace < 0 || t.SQLSpansPerTrace >= t.SpansPerTrace {
		add("traces", "needs at least one span per trace that is no SQL span")
	}
	if t.Statements < 1 || t.ChangingLiterals < 0 || t.ChangingLiterals > 100 {
		add("traces", "needs at least one statement, and a percentage of changing literals")
	}
	return errors.Join(errs...)
}

package main

import (
	"fmt"
	"slices"
)

// Spread is a median with the smallest and the largest value.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1]}
}

// ArmRuns are the measured runs of one arm.
type ArmRuns struct {
	Name string `json:"name"`
	Runs []Run  `json:"runs"`
}

// of is the spread of a figure over the runs.
func (a ArmRuns) of(figure func(Run) float64) Spread {
	values := make([]float64, len(a.Runs))
	for i, r := range a.Runs {
		values[i] = figure(r)
	}
	return spreadOf(values)
}

// The figures of a run. A million items take as many seconds as one takes microseconds.
func cpuOf(r Run) float64     { return r.CPUSeconds * 1e6 / float64(r.Items) }
func bytesOf(r Run) float64   { return float64(r.Bytes) / float64(r.Items) }
func latencyOf(r Run) float64 { return r.Latency }
func p50Of(r Run) float64     { return r.P50 }
func p99Of(r Run) float64     { return r.P99 }
func rateOf(r Run) float64    { return r.Rate }
func statsOf(r Run) float64   { return float64(r.Stats) }

// sizeOf is of the requests that hold items.
func sizeOf(r Run) float64 {
	if r.Requests == r.Stats {
		return 0
	}
	return float64(r.Items) / float64(r.Requests-r.Stats)
}

// differences is by how much a figure of a is above that of b: of medians, with the smallest and the largest from run to run.
func differences(a, b ArmRuns, figure func(Run) float64) Spread {
	pairs := make([]float64, min(len(a.Runs), len(b.Runs)))
	for i := range pairs {
		pairs[i] = figure(a.Runs[i]) - figure(b.Runs[i])
	}
	d := spreadOf(pairs)
	d.Median = a.of(figure).Median - b.of(figure).Median
	return d
}

// enoughRuns is how many it takes to call a figure measured.
const enoughRuns = 7

// few says that there are not enough runs; empty when there are.
func few(runs int) string {
	if runs >= enoughRuns {
		return ""
	}
	return fmt.Sprintf("only %d of %d runs", runs, enoughRuns)
}

// Ratio is how much more one arm needs than another.
type Ratio struct {
	OfMedians float64 `json:"of_medians"`
	// Pairs is the spread of the ratios of the runs that followed each other.
	Pairs   Spread  `json:"pairs"`
	Runs    int     `json:"runs"` // of each arm
	Target  float64 `json:"target"`
	Verdict string  `json:"verdict"`
}

// ratio compares a with b, run by run.
func ratio(a, b ArmRuns, figure func(Run) float64, target float64) Ratio {
	pairs := make([]float64, min(len(a.Runs), len(b.Runs)))
	for i := range pairs {
		pairs[i] = figure(a.Runs[i]) / figure(b.Runs[i])
	}
	r := Ratio{OfMedians: a.of(figure).Median / b.of(figure).Median, Pairs: spreadOf(pairs), Runs: len(pairs), Target: target}
	r.Verdict = r.judge()
	return r
}

// judge says whether the target is met, and what the noise leaves open.
func (r Ratio) judge() string {
	verdict := "met"
	switch {
	case r.Pairs.Min > r.Target:
		verdict = "missed"
	case r.OfMedians > r.Target:
		verdict = "missed, inside the noise"
	case r.Pairs.Max > r.Target:
		verdict = "met, inside the noise"
	}
	if r.Pairs.Min <= 1 && r.Pairs.Max >= 1 {
		verdict += "; no difference beyond the noise"
	}
	if mark := few(r.Runs); mark != "" {
		verdict += "; " + mark
	}
	return verdict
}

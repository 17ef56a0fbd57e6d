package main

import "github.com/datadogoauth/otelcol-datadogoauth/testbed/figures"

// ArmRuns are the measured runs of one arm.
type ArmRuns struct {
	Name string `json:"name"`
	Runs []Run  `json:"runs"`
}

// values are a figure of each run.
func (a ArmRuns) values(figure func(Run) float64) []float64 {
	values := make([]float64, len(a.Runs))
	for i, r := range a.Runs {
		values[i] = figure(r)
	}
	return values
}

// of is the spread of a figure over the runs.
func (a ArmRuns) of(figure func(Run) float64) figures.Spread { return figures.Of(a.values(figure)) }

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

func differences(a, b ArmRuns, figure func(Run) float64) figures.Spread {
	return figures.Differences(a.values(figure), b.values(figure))
}

func ratio(a, b ArmRuns, figure func(Run) float64, target float64) figures.Ratio {
	return figures.RatioOf(a.values(figure), b.values(figure), target)
}

// Package figures compares measured runs: medians with their spread, ratios with a verdict, and what the noise leaves open.
package figures

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

// Of is the spread of values, zero without any.
func Of(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	v := slices.Sorted(slices.Values(values))
	n := len(v)
	return Spread{Median: (v[(n-1)/2] + v[n/2]) / 2, Min: v[0], Max: v[n-1]}
}

// Differences is by how much a is above b: of medians, with the smallest and the largest from run to run.
func Differences(a, b []float64) Spread {
	pairs := make([]float64, min(len(a), len(b)))
	for i := range pairs {
		pairs[i] = a[i] - b[i]
	}
	d := Of(pairs)
	d.Median = Of(a).Median - Of(b).Median
	return d
}

// Enough is how many runs it takes to call a figure measured.
const Enough = 7

// Few says that there are not enough runs; empty when there are.
func Few(runs int) string {
	if runs >= Enough {
		return ""
	}
	return fmt.Sprintf("only %d of %d runs", runs, Enough)
}

// Ratio is how much more one arm needs than another.
type Ratio struct {
	OfMedians float64 `json:"of_medians"`
	// Pairs is the spread of the ratios of the runs that followed each other.
	Pairs   Spread  `json:"pairs"`
	Above   int     `json:"pairs_above"` // of the pairs, the target
	Runs    int     `json:"runs"`        // of each arm
	Target  float64 `json:"target"`
	Verdict string  `json:"verdict"`
}

// RatioOf compares a with b, run by run.
func RatioOf(a, b []float64, target float64) Ratio {
	pairs := make([]float64, min(len(a), len(b)))
	for i := range pairs {
		pairs[i] = a[i] / b[i]
	}
	r := Ratio{OfMedians: Of(a).Median / Of(b).Median, Pairs: Of(pairs), Runs: len(pairs), Target: target}
	for _, pair := range pairs {
		if pair > target {
			r.Above++
		}
	}
	r.Verdict = r.Judge()
	return r
}

// Missed says that the target is missed: there are enough runs, and the median of the pairs is above it. JudgeMedian says how far the noise is part of that.
func (r Ratio) Missed() bool { return r.Runs >= Enough && r.Pairs.Median > r.Target }

// JudgeMedian says whether the median of the pairs meets the target, and how many of the pairs do not.
func (r Ratio) JudgeMedian() string {
	verdict := "met"
	if r.Pairs.Median > r.Target {
		verdict = "missed"
	}
	switch {
	case r.Above == r.Runs && r.Runs > 0:
		verdict += fmt.Sprintf(", all %d pairs are above", r.Runs)
	case r.Above > 0:
		verdict += fmt.Sprintf(", %d of %d pairs are above", r.Above, r.Runs)
	}
	if mark := Few(r.Runs); mark != "" {
		verdict += "; " + mark
	}
	return verdict
}

// Judge says whether the target is met, and what the noise leaves open.
func (r Ratio) Judge() string {
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
	if mark := Few(r.Runs); mark != "" {
		verdict += "; " + mark
	}
	return verdict
}

package figures_test

import (
	"slices"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/figures"
)

func TestMedianAndSpread(t *testing.T) {
	t.Parallel()
	if got, want := figures.Of([]float64{3, 1, 2}), (figures.Spread{Median: 2, Min: 1, Max: 3}); got != want {
		t.Errorf("%+v", got)
	}
	if got, want := figures.Of([]float64{4, 1, 2, 3}), (figures.Spread{Median: 2.5, Min: 1, Max: 4}); got != want {
		t.Errorf("%+v", got)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		median, min, max float64
		want             string
	}{
		{1.3, 1.2, 1.4, "met"},
		{1.4, 1.2, 1.6, "met, inside the noise"},
		{1.6, 1.4, 1.8, "missed, inside the noise"},
		{1.9, 1.8, 2, "missed"},
		{1, .9, 1.1, "met; no difference beyond the noise"},
		{1.1, .9, 1.7, "met, inside the noise; no difference beyond the noise"},
	} {
		if got := (figures.Ratio{OfMedians: c.median, Pairs: figures.Spread{Median: c.median, Min: c.min, Max: c.max}, Runs: 7, Target: 1.5}).Judge(); got != c.want {
			t.Errorf("%v (%v–%v): %s, want %s", c.median, c.min, c.max, got, c.want)
		}
	}
}

func TestFewRunsAreMarked(t *testing.T) {
	t.Parallel()
	if got := (figures.Ratio{OfMedians: 1.3, Pairs: figures.Spread{Median: 1.3, Min: 1.2, Max: 1.4}, Runs: 6, Target: 1.5}).Judge(); got != "met; only 6 of 7 runs" {
		t.Error(got)
	}
}

func TestAMedianAboveTheTargetIsMissed(t *testing.T) {
	t.Parallel()
	ten := func(n int) []float64 { return slices.Repeat([]float64{10}, n) }
	for _, c := range []struct {
		a, b   []float64
		missed bool
		says   string
	}{
		{[]float64{11, 12, 11, 12, 11, 12, 11}, ten(7), true, "missed, all 7 pairs are above"},
		{[]float64{11, 12, 11, 12, 11, 12, 10}, ten(7), true, "missed, 6 of 7 pairs are above"},
		{[]float64{11, 12, 11, 10, 10, 10, 10}, ten(7), false, "met, 3 of 7 pairs are above"},
		{ten(7), ten(7), false, "met"},
		{[]float64{11, 12, 11, 12, 11, 12}, ten(6), false, "missed, all 6 pairs are above; only 6 of 7 runs"},
	} {
		if r := figures.RatioOf(c.a, c.b, 1.05); r.Missed() != c.missed || r.JudgeMedian() != c.says {
			t.Errorf("%v to %v: %+v: %s", c.a, c.b, r, r.JudgeMedian())
		}
	}
}

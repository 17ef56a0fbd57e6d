package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"text/tabwriter"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/figures"
)

// Report is every figure, as -json writes it.
type Report struct {
	Go           string             `json:"go"`
	CPUs         int                `json:"cpus"`
	Tenants      int                `json:"tenants"`
	Poisoned     int                `json:"poisoned"`
	Greed        int                `json:"greed"`
	Rate         int                `json:"rate"`
	RequestItems int                `json:"request_items"`
	Direct       bool               `json:"direct"`
	Seconds      float64            `json:"seconds"`
	Arms         map[string][]Run   `json:"arms"`
	Changes      map[string]*Change `json:"changes"` // by arm, against all healthy

	file string
}

// Change is what an arm does to the healthy tenants. Both ratios say how much worse it is for them: 1.05 is five percent.
type Change struct {
	Throughput figures.Ratio `json:"throughput"` // of the healthy arm to this
	P99        figures.Ratio `json:"p99"`        // of this to the healthy arm
}

// target is by how much healthy tenants may be worse off.
const target = 1.05

func newReport(o options, runs map[string][]Run) *Report {
	r := &Report{Go: runtime.Version(), CPUs: runtime.NumCPU(), Tenants: o.tenants, Greed: o.greed, Rate: o.rate, RequestItems: requestItems, Direct: o.direct,
		Seconds: o.time.Seconds(), Arms: runs, Changes: map[string]*Change{}, file: o.jsonFile}
	for i := range o.tenants {
		if _, is := o.poisoned(i); is {
			r.Poisoned++
		}
	}
	for _, arm := range arms[1:] {
		r.Changes[arm] = &Change{Throughput: figures.RatioOf(values(runs[armHealthy], throughput), values(runs[arm], throughput), target),
			P99: figures.RatioOf(values(runs[arm], p99), values(runs[armHealthy], p99), target)}
	}
	return r
}

func values(runs []Run, figure func(Run) float64) []float64 {
	all := make([]float64, len(runs))
	for i, r := range runs {
		all[i] = figure(r)
	}
	return all
}

// The figures of a run.
func throughput(r Run) float64 { return r.Throughput }
func p50(r Run) float64        { return r.P50 }
func p99(r Run) float64        { return r.P99 }
func cpu(r Run) float64        { return r.CPUSeconds }

// finish prints the table and the verdicts, and writes the file. Healthy tenants that lost something are an error, and so are those that are worse off by
// more than the target, in the median of the pairs of runs that followed each other.
func (r *Report) finish(out io.Writer) error {
	fmt.Fprintf(out, "\npoison: %d tenants, %d of them poisoned, %d items/s in requests of %d, runs of %.0f s; of the healthy tenants:\n\n", r.Tenants, r.Poisoned, r.Rate, r.RequestItems, r.Seconds)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \titems a second\tmin–max\tp50\tp99\tmin–max\trefused at first\tunsent\tmissing\tCPU of the collector")
	var wrong []error
	for _, arm := range arms {
		runs := r.Arms[arm]
		refused, unsent, missing := 0, 0, 0
		for _, run := range runs {
			refused, unsent, missing = refused+run.Refused, unsent+run.Unsent, missing+run.Missing
		}
		if unsent+missing > 0 {
			wrong = append(wrong, fmt.Errorf("%s: %d requests of healthy tenants were never taken, %d items had not arrived after %s", arm, unsent, missing, within))
		}
		t, q := figures.Of(values(runs, throughput)), figures.Of(values(runs, p99))
		fmt.Fprintf(w, "  %s\t%.0f\t%.0f–%.0f\t%.3f s\t%.3f s\t%.3f–%.3f\t%d\t%d\t%d\t%.1f s\n", arm, t.Median, t.Min, t.Max, figures.Of(values(runs, p50)).Median, q.Median, q.Min, q.Max,
			refused, unsent, missing, figures.Of(values(runs, cpu)).Median)
	}
	w.Flush()
	fmt.Fprintln(out)
	for _, arm := range arms[1:] {
		for _, c := range []struct {
			what  string
			ratio figures.Ratio
		}{{"throughput", r.Changes[arm].Throughput}, {"p99", r.Changes[arm].P99}} {
			text := line(arm+": "+c.what+" worse by", c.ratio)
			fmt.Fprintf(out, "  %s\n", text)
			if c.ratio.Missed() {
				wrong = append(wrong, errors.New(text))
			}
		}
	}
	if runs := r.Arms[armPoisoned]; len(runs) > 0 {
		fmt.Fprintf(out, "\npoison: requests of the last poisoned run that went wrong: %s\n", listed(runs[len(runs)-1].Poisoned))
	}
	fmt.Fprintf(out, "poison: %d CPUs, %s\n", r.CPUs, r.Go)
	if r.file != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(r.file, append(text, '\n'), 0o600); err != nil {
			return err
		}
	}
	return errors.Join(wrong...)
}

func line(what string, r figures.Ratio) string {
	percent := func(v float64) float64 { return (v - 1) * 100 }
	return fmt.Sprintf("%s %+.1f %%, the median of pairs of %+.1f to %+.1f; asked < %.0f %%: %s", what, percent(r.Pairs.Median), percent(r.Pairs.Min), percent(r.Pairs.Max), percent(r.Target), r.JudgeMedian())
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/figures"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// Report is every figure, as -json writes it.
//
// What is not the same for the exporters that it compares: datadogoauth compresses spans and stats with gzip, the only form that the trace intake
// is known to take, and everything else with zstd, and otlp_http all of it with zstd (Run.Encodings is what arrived). Both fill a batch to the
// same number of bytes, but otlp_http counts them in OTLP and datadogoauth in what it has mapped, so items per request and time under way
// differ. Own metrics are off in all collectors (level: none), so what counting and scraping them costs is in no figure.
type Report struct {
	Go           string              `json:"go"`
	CPUs         int                 `json:"cpus"`
	Runs         int                 `json:"runs"`
	Items        int                 `json:"items"`
	Rate         int                 `json:"rate"`
	RequestItems int                 `json:"request_items"`
	TenantItems  int                 `json:"tenant_request_items"`
	Mix          load.Mix            `json:"mix"`
	Protocols    map[string][]string `json:"protocols"`
	Exporters    []*Comparison       `json:"exporters"`
	Tenants      []*TenantComparison `json:"tenants"`
}

func newReport(o options) *Report {
	return &Report{Go: runtime.Version(), CPUs: runtime.NumCPU(), Runs: o.runs, Items: o.items, Rate: o.rate, RequestItems: o.requestItems,
		TenantItems: o.tenantItems, Mix: o.mix}
}

// Comparison is one signal with each exporter.
type Comparison struct {
	Signal       load.Signal    `json:"signal"`
	BytesPerItem float64        `json:"received_bytes_per_item"` // OTLP, uncompressed
	Arms         []ArmRuns      `json:"arms"`                    // nop, otlp_http, datadogoauth
	CPU          figures.Ratio  `json:"cpu_ratio"`               // of datadogoauth to otlp_http
	Bytes        figures.Ratio  `json:"bytes_ratio"`
	AddedLatency figures.Spread `json:"added_latency_seconds"` // of datadogoauth over otlp_http
}

// TenantComparison is one signal with one tenant and with many, in this order.
type TenantComparison struct {
	Signal  load.Signal `json:"signal"`
	Direct  []ArmRuns   `json:"direct"`  // requests of equal size
	Batched []ArmRuns   `json:"batched"` // the default queue
	// Alone is the one tenant with requests of equal size, before the others had connected. Its runs are not interleaved with any.
	Alone        ArmRuns        `json:"alone"`
	CPU          figures.Ratio  `json:"cpu_ratio"`
	CPUOfAlone   figures.Ratio  `json:"cpu_ratio_to_alone"`
	AddedLatency figures.Spread `json:"added_latency_seconds"` // of many over one, requests of equal size

	load *load.Load
	one  *arm // of Alone, and of Direct
}

// The targets of the ratios to otlp_http, and of many tenants to one.
var (
	cpuTargets   = map[load.Signal]float64{load.Metrics: 1.5, load.Logs: 1.5, load.Traces: 2}
	bytesTargets = map[load.Signal]float64{load.Metrics: 2.5, load.Logs: 1.5, load.Traces: 2.7}
)

const tenantsTarget = 1.2

func (c *Comparison) print(out io.Writer) {
	ours, theirs := c.Arms[2], c.Arms[1]
	c.CPU = ratio(ours, theirs, cpuOf, cpuTargets[c.Signal])
	c.Bytes = ratio(ours, theirs, bytesOf, bytesTargets[c.Signal])
	c.AddedLatency = differences(ours, theirs, latencyOf)
	fmt.Fprintf(out, "\n%s: %d runs of %d items, %.0f B of OTLP an item\n\n", c.Signal, len(ours.Runs), ours.Runs[0].Items, c.BytesPerItem)
	printArms(out, c.Arms)
	fmt.Fprintf(out, "\n%s\n%s\n%s\n", ratioLine(c.CPU, "CPU, datadogoauth to otlp_http"), ratioLine(c.Bytes, "bytes, datadogoauth to otlp_http"),
		differenceLine(c.AddedLatency, "time under way, datadogoauth over otlp_http"))
}

func (t *TenantComparison) print(out io.Writer) {
	t.CPU = ratio(t.Direct[1], t.Direct[0], cpuOf, tenantsTarget)
	t.CPUOfAlone = ratio(t.Direct[1], t.Alone, cpuOf, tenantsTarget)
	t.AddedLatency = differences(t.Direct[1], t.Direct[0], latencyOf)
	fmt.Fprintf(out, "\n%s with datadogoauth: %d runs of %d items\n\n", t.Signal, len(t.Direct[0].Runs), t.Direct[0].Runs[0].Items)
	printArms(out, slices.Concat([]ArmRuns{t.Alone}, t.Direct, t.Batched))
	fmt.Fprintf(out, "\n%s\n%s\n%s\n", ratioLine(t.CPU, "CPU, many tenants to one, requests of equal size"), ratioLine(t.CPUOfAlone, "the same, to one before the others had connected"),
		differenceLine(t.AddedLatency, "time under way, many tenants over one, requests of equal size"))
}

func printArms(out io.Writer, arms []ArmRuns) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \tCPU s per million\tmin–max\twire B per item\tencoding\titems per request\trequests of stats\tmean time under way\tmin–max\tp50\tp99\tmin–max\titems a second\trefused at first")
	for _, a := range arms {
		cpu, refused, off := a.of(cpuOf), 0, 0
		var encodings []string
		for _, r := range a.Runs {
			refused += r.Refused
			encodings = append(encodings, r.Encodings...)
			if r.OffRate {
				off++
			}
		}
		name, rate := a.Name, fmt.Sprintf("%.0f", a.of(rateOf).Median)
		if mark := figures.Few(len(a.Runs)); mark != "" {
			name += " (" + mark + ")"
		}
		if off > 0 {
			rate += fmt.Sprintf(" (%d runs off by > %.0f %%)", off, maxOffRate*100)
		}
		fmt.Fprintf(w, "  %s\t%.2f\t%.2f–%.2f\t", name, cpu.Median, cpu.Min, cpu.Max)
		if size := a.of(sizeOf).Median; size > 0 {
			late := a.of(latencyOf)
			slices.Sort(encodings)
			p99 := a.of(p99Of)
			fmt.Fprintf(w, "%.1f\t%s\t%.0f\t%.0f\t%.3f s\t%.3f–%.3f\t%.3f s\t%.3f s\t%.3f–%.3f\t", a.of(bytesOf).Median, strings.Join(slices.Compact(encodings), ", "), size,
				a.of(statsOf).Median, late.Median, late.Min, late.Max, a.of(p50Of).Median, p99.Median, p99.Min, p99.Max)
		} else {
			fmt.Fprint(w, "\t\t\t\t\t\t\t\t\t")
		}
		fmt.Fprintf(w, "%s\t%d\n", rate, refused)
	}
	w.Flush()
}

func differenceLine(d figures.Spread, what string) string {
	return fmt.Sprintf("  %s: %+.3f s (pair by pair %+.3f to %+.3f)", what, d.Median, d.Min, d.Max)
}

func ratioLine(r figures.Ratio, what string) string {
	return fmt.Sprintf("  %s: %.2f × (pair by pair %.2f–%.2f); asked ≤ %.1f: %s", what, r.OfMedians, r.Pairs.Min, r.Pairs.Max, r.Target, r.Verdict)
}

// finish prints what holds for all, and writes the file.
func (r *Report) finish(out io.Writer, file string) error {
	fmt.Fprintf(out, "\nbench: nothing lost, nothing twice; %d CPUs, %s", r.CPUs, r.Go)
	for _, name := range []string{otlpHTTP, datadogOAuth} {
		fmt.Fprintf(out, "; %s spoke %s", name, strings.Join(r.Protocols[name], " and "))
	}
	fmt.Fprintln(out)
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

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

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// Report is every figure, as -json writes it.
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
	Signal       load.Signal `json:"signal"`
	BytesPerItem float64     `json:"received_bytes_per_item"` // OTLP, uncompressed
	Arms         []ArmRuns   `json:"arms"`                    // nop, otlp_http, datadogoauth
	CPU          Ratio       `json:"cpu_ratio"`               // of datadogoauth to otlp_http
	Bytes        Ratio       `json:"bytes_ratio"`
}

// TenantComparison is one signal with one tenant and with many, in this order.
type TenantComparison struct {
	Signal  load.Signal `json:"signal"`
	Direct  []ArmRuns   `json:"direct"`  // requests of equal size
	Batched []ArmRuns   `json:"batched"` // the default queue
	CPU     Ratio       `json:"cpu_ratio"`
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
	fmt.Fprintf(out, "\n%s: %d runs of %d items, %.0f B of OTLP an item\n\n", c.Signal, len(ours.Runs), ours.Runs[0].Items, c.BytesPerItem)
	printArms(out, c.Arms)
	fmt.Fprintf(out, "\n%s\n%s\n", c.CPU.line("CPU, datadogoauth to otlp_http"), c.Bytes.line("bytes, datadogoauth to otlp_http"))
}

func (t *TenantComparison) print(out io.Writer) {
	t.CPU = ratio(t.Direct[1], t.Direct[0], cpuOf, tenantsTarget)
	fmt.Fprintf(out, "\n%s with datadogoauth: %d runs of %d items\n\n", t.Signal, len(t.Direct[0].Runs), t.Direct[0].Runs[0].Items)
	printArms(out, slices.Concat(t.Direct, t.Batched))
	fmt.Fprintf(out, "\n%s\n", t.CPU.line("CPU, many tenants to one, requests of equal size"))
}

func printArms(out io.Writer, arms []ArmRuns) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \tCPU s per million\tmin–max\twire B per item\titems per request\tmean time under way\trefused at first")
	for _, a := range arms {
		cpu, refused := a.of(cpuOf), 0
		for _, r := range a.Runs {
			refused += r.Refused
		}
		fmt.Fprintf(w, "  %s\t%.2f\t%.2f–%.2f\t", a.Name, cpu.Median, cpu.Min, cpu.Max)
		if size := a.of(sizeOf).Median; size > 0 {
			fmt.Fprintf(w, "%.1f\t%.0f\t%.2f s\t%d\n", a.of(bytesOf).Median, size, a.of(latencyOf).Median, refused)
		} else {
			fmt.Fprintf(w, "\t\t\t%d\n", refused)
		}
	}
	w.Flush()
}

func (r Ratio) line(what string) string {
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

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/figures"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/plot"
)

// Report is every figure, as -json writes it.
type Report struct {
	Go           string  `json:"go"`
	CPUs         int     `json:"cpus"`
	Rate         int     `json:"rate"`
	RequestItems int     `json:"request_items"`
	Storage      bool    `json:"storage"`                        // a durable queue
	Synced       float64 `json:"synced_write_seconds,omitempty"` // of 4 kB, where its files are
	Sizes        []*Size `json:"sizes"`
	Active       *Size   `json:"active,omitempty"` // the largest size, of which a part sends

	o options
}

// memoryTarget is the resident memory of 10,000 connected tenants of which 1,000 send, in bytes. It is compared with the peak of the process, from its
// start on: samples may miss that, and what limits a process does not.
const memoryTarget = 250e6

func newReport(o options) *Report {
	return &Report{Go: runtime.Version(), CPUs: runtime.NumCPU(), Rate: o.rate, RequestItems: requestItems, Storage: o.storage, o: o}
}

func (s *Size) of(figure func(Run) float64) figures.Spread {
	values := make([]float64, len(s.Runs))
	for i, r := range s.Runs {
		values[i] = figure(r)
	}
	return figures.Of(values)
}

// The figures of a run.
func perCore(r Run) float64 { return float64(r.Items) / r.CPUSeconds }
func p50(r Run) float64     { return r.P50 }
func p99(r Run) float64     { return r.P99 }
func rate(r Run) float64    { return r.Rate }

func (s *Size) line() string {
	c, q := s.of(perCore), s.of(p99)
	return fmt.Sprintf("%.0f items/s per core, %.1f MB (%.1f MB at the peak), p99 %.3f s (%.3f–%.3f), %d connections, %d goroutines, %d files", c.Median, mb(s.Busy.Resident), mb(s.Busy.Peak), q.Median, q.Min, q.Max,
		s.Busy.TCP, s.Goroutines, s.Busy.Files)
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

const head = `| Tenants | Active | Items/s per core | min–max | Items/s sent | Memory idle | busy, median | busy, most | peak | p50 | p99 | min–max | Connections | to Datadog | Goroutines | Files |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
`

// row is a line of the table, in Markdown.
func (s *Size) row() string {
	c, q := s.of(perCore), s.of(p99)
	return fmt.Sprintf("| %d | %d | %.0f | %.0f–%.0f | %.0f | %.1f MB | %.1f MB | %.1f MB | %.1f MB | %.3f s | %.3f s | %.3f–%.3f | %d | %d | %d | %d |\n", s.Connected, s.Active, c.Median, c.Min, c.Max,
		s.of(rate).Median, mb(s.Idle.Resident), mb(s.Typical), mb(s.Busy.Resident), mb(s.Busy.Peak), s.of(p50).Median, q.Median, q.Min, q.Max, s.Busy.TCP, s.Busy.Out, s.Goroutines, s.Busy.Files)
}

// finish prints the table and the verdict, and writes the files. A verdict of "missed" is an error.
func (r *Report) finish(out io.Writer) error {
	fmt.Fprintf(out, "\n%s", head)
	for _, s := range r.Sizes {
		fmt.Fprint(out, s.row())
	}
	var missed error
	if s := r.Active; s != nil {
		fmt.Fprint(out, s.row())
		verdict := "met"
		switch {
		case r.Storage:
			verdict = "not judged: asked of the default configuration"
		case s.Connected < 10_000 || s.Active < 1000:
			verdict = "not judged: fewer tenants than asked"
		case s.Busy.Peak > memoryTarget:
			verdict = "missed"
			missed = fmt.Errorf("memory of %d connected tenants, %d active: %.1f MB at the peak, asked ≤ %.0f MB", s.Connected, s.Active, mb(s.Busy.Peak), memoryTarget/1e6)
		}
		fmt.Fprintf(out, "\nscale: memory of %d connected tenants, %d active: %.1f MB at the peak, %.1f MB at most in samples, %.1f MB in the median; asked ≤ %.0f MB for 10000 and 1000: %s\n", s.Connected, s.Active, mb(s.Busy.Peak), mb(s.Busy.Resident), mb(s.Typical), memoryTarget/1e6, verdict)
	}
	if r.Storage {
		r.floods(out)
	}
	runs := ""
	if mark := figures.Few(r.o.runs); mark != "" {
		runs = "; " + mark
	}
	fmt.Fprintf(out, "scale: nothing lost, nothing twice; %d items/s%s, requests of %d items; %d CPUs, %s%s\n", r.Rate, r.queue(), r.RequestItems, r.CPUs, r.Go, runs)
	if r.o.svgFile != "" {
		if err := r.draw(r.o.svgFile); err != nil {
			return err
		}
	}
	if r.o.jsonFile == "" {
		return missed
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(missed, os.WriteFile(r.o.jsonFile, append(text, '\n'), 0o600))
}

// draw writes the picture.
func (r *Report) draw(file string) error {
	panels := []plot.Panel{{Title: "items a second and core"}, {Title: "p99 from OTLP to the intake's answer, s"}, {Title: "resident memory, MB"}, {Title: "goroutines"},
		{Title: "open TCP connections"}, {Title: "open files"}}
	var places []string
	for _, s := range r.Sizes {
		places = append(places, strconv.Itoa(s.Connected))
		for i, v := range []figures.Spread{s.of(perCore), s.of(p99)} {
			panels[i].Y, panels[i].Low, panels[i].High = append(panels[i].Y, v.Median), append(panels[i].Low, v.Min), append(panels[i].High, v.Max)
		}
		for i, v := range []float64{mb(s.Busy.Resident), float64(s.Goroutines), float64(s.Busy.TCP), float64(s.Busy.Files)} {
			panels[i+2].Y = append(panels[i+2].Y, v)
		}
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	err = plot.Draw(out, fmt.Sprintf("One collector and its tenants, %d items/s%s", r.Rate, r.queue()), places, panels)
	if end := out.Close(); err == nil {
		err = end
	}
	return err
}

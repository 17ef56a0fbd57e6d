package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// Report is every figure, as -json writes it.
type Report struct {
	Go         string                         `json:"go"`
	CPUs       int                            `json:"cpus"`
	Seconds    float64                        `json:"seconds"`
	Rate       int                            `json:"rate"`
	Tenants    int                            `json:"tenants"`
	Applied    map[string]int                 `json:"applied"` // requests that each trouble befell
	Hits       map[string]map[load.Signal]int `json:"hits"`    // those of troubles that may cost items, by the reason that these are dropped for
	Cycles     []Cycle                        `json:"cycles"`
	Accounts   []Account                      `json:"accounts"`
	P50        float64                        `json:"p50_seconds"` // of tenants without trouble
	P99        float64                        `json:"p99_seconds"`
	CPUSeconds float64                        `json:"cpu_seconds"`
	Growth     Growth                         `json:"growth"`

	mu      sync.Mutex // guards Samples
	Samples []Sample   `json:"samples"`
	file    string
}

// Sample is what the process held at a time, in seconds since the begin.
type Sample struct {
	At       float64 `json:"at_seconds"`
	Resident int64   `json:"resident_bytes"`
	TCP      int     `json:"connections"`
	Out      int     `json:"connections_out"` // to Datadog
	Files    int     `json:"files"`
}

// Cycle is one turn of all troubles: medians of what the process held.
type Cycle struct {
	From       float64 `json:"from_seconds"`
	To         float64 `json:"to_seconds"`
	Resident   int64   `json:"resident_bytes"`
	TCP        int     `json:"connections"`
	Files      int     `json:"files"`
	Goroutines int     `json:"goroutines"`

	lists int // of goroutines, that were written until its end
}

// Growth compares cycles.
type Growth struct {
	BytesPerMinute float64 `json:"resident_bytes_per_minute"` // slope of a line through all samples, least squares
	Share          float64 `json:"resident_share"`            // by how much the line rises, of its middle
	Goroutines     int     `json:"goroutines"`                // of the last cycle above the first
	Most           int64   `json:"most_resident_bytes"`
}

// long says that the run is long enough to judge growth of memory.
func (r *Report) long() bool { return r.Seconds >= longSeconds }

func newReport(o options) *Report {
	return &Report{Go: runtime.Version(), CPUs: runtime.NumCPU(), Seconds: o.time.Seconds(), Rate: o.rate, Tenants: o.tenants, Applied: map[string]int{}, Hits: map[string]map[load.Signal]int{}, file: o.jsonFile}
}

// hit notes how many requests of a signal met a trouble that may cost items.
func (r *Report) hit(reason string, s load.Signal, requests int) {
	if reason == "" {
		return
	}
	if r.Hits[reason] == nil {
		r.Hits[reason] = map[load.Signal]int{}
	}
	r.Hits[reason][s] += requests
}

func (r *Report) add(s Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Samples = append(r.Samples, s)
}

// between are the samples of a time.
func (r *Report) between(from, to float64) (all []Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.Samples {
		if s.At >= from && s.At < to {
			all = append(all, s)
		}
	}
	return all
}

// cycle fills in what is known of a cycle at its end.
func (r *Report) cycle(c int, goroutines []int) {
	cy := &r.Cycles[c]
	in := r.between(cy.From, cy.To)
	cy.Resident = median(in, func(s Sample) int64 { return s.Resident })
	cy.TCP = median(in, func(s Sample) int { return s.TCP })
	cy.Files = median(in, func(s Sample) int { return s.Files })
	cy.Goroutines = median(goroutines, func(n int) int { return n })
}

func median[S any, V int | int64](all []S, of func(S) V) V {
	values := make([]V, len(all))
	for i, s := range all {
		values[i] = of(s)
	}
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// What may grow. Memory of a tenant in trouble fills the park until its intake is tried again, after five minutes at most, so the line through the
// samples is judged where the run is long enough to leave that time out.
const (
	allowedShare     = .10 // of resident memory, over the judged time
	judgedFrom       = 6 * 60
	longSeconds      = 15 * 60
	mostShort        = 250e6 // bytes of resident memory in a run that is shorter, in the median of a cycle
	peakShort        = 350e6 // and at any time: a busy machine has more under way for a moment
	allowedRoutines  = 30
	routinesOfHealth = 2 // percent, the noise of a few hundred connections
)

// judge says whether memory and goroutines grew.
func (r *Report) judge() error {
	judged := r.Cycles[min(1, len(r.Cycles)):] // in the first, connections are opened
	judged = slices.DeleteFunc(slices.Clone(judged), func(c Cycle) bool { return r.long() && c.From < judgedFrom })
	if len(judged) < 2 {
		return nil // one cycle alone has nothing to be compared with
	}
	first, last := judged[0], judged[len(judged)-1]
	g := &r.Growth
	samples := r.between(first.From, last.To)
	perSecond, middle := slope(samples)
	g.BytesPerMinute, g.Share = perSecond*60, perSecond*(last.To-first.From)/middle
	g.Goroutines = last.Goroutines - first.Goroutines
	var errs []error
	if len(samples) < 10 || first.Goroutines == 0 || last.Goroutines == 0 {
		errs = append(errs, fmt.Errorf("only %d samples, %d and %d goroutines: nothing was measured", len(samples), first.Goroutines, last.Goroutines))
	}
	if r.long() && g.Share > allowedShare {
		errs = append(errs, fmt.Errorf("resident memory grows by %.1f MB a minute: %.0f %% in the judged time, %.0f %% at most are right", g.BytesPerMinute/1e6, g.Share*100, allowedShare*100))
	}
	g.Most = slices.MaxFunc(append(samples, Sample{}), func(a, b Sample) int { return cmp.Compare(a.Resident, b.Resident) }).Resident
	middles := slices.MaxFunc(judged, func(a, b Cycle) int { return cmp.Compare(a.Resident, b.Resident) }).Resident
	if !r.long() && (middles > mostShort || g.Most > peakShort) {
		errs = append(errs, fmt.Errorf("resident memory is %.0f MB in the median of a cycle and %.0f MB at most, %.0f MB and %.0f MB are right for so short a run",
			float64(middles)/1e6, float64(g.Most)/1e6, mostShort/1e6, peakShort/1e6))
	}
	if g.Goroutines > allowedRoutines+first.Goroutines*routinesOfHealth/100 {
		errs = append(errs, fmt.Errorf("goroutines grow from %d to %d", first.Goroutines, last.Goroutines))
	}
	return errors.Join(errs...)
}

// slope is that of resident memory, in bytes a second, by least squares, and its mean.
func slope(samples []Sample) (perSecond, mean float64) {
	var t, y, tt, ty float64
	n := float64(len(samples))
	for _, s := range samples {
		t += s.At
		y += float64(s.Resident)
	}
	if n == 0 {
		return 0, 1
	}
	t, y = t/n, y/n
	for _, s := range samples {
		tt += (s.At - t) * (s.At - t)
		ty += (s.At - t) * (float64(s.Resident) - y)
	}
	if tt == 0 {
		return 0, y
	}
	return ty / tt, y
}

// finish prints the books and the growth, and writes the file.
func (r *Report) finish(out io.Writer) error {
	var befell []string
	for _, name := range slices.Sorted(maps.Keys(r.Applied)) {
		befell = append(befell, fmt.Sprintf("%s %d", name, r.Applied[name]))
	}
	fmt.Fprintf(out, "\nsoak: requests that went wrong: %s\n", strings.Join(befell, ", "))
	for _, a := range r.Accounts {
		fmt.Fprintf(out, "soak: %s: the client handed over %d; accepted %d = delivered %d + dropped %v + expired %d + parked %d + queued %d; %d arrived, %d of them with a lost answer, %d again; %d waited in the park and were sent\n",
			a.Signal, a.Client.Accepted, a.Own.Accepted, a.Own.Delivered, a.Own.Dropped, a.Own.Expired, a.Own.Parking, a.Own.Queued, a.Sink, a.Lost, a.Client.Extra, a.Own.Redriven)
	}
	g, judged := r.Growth, "too short to judge that"
	if r.long() {
		judged = fmt.Sprintf("at most %.0f %% are right", allowedShare*100)
	}
	fmt.Fprintf(out, "soak: resident memory %.1f MB at most, %+.2f MB a minute, %+.1f %% in the judged time (%s); goroutines %+d\n", float64(g.Most)/1e6, g.BytesPerMinute/1e6, g.Share*100,
		judged, g.Goroutines)
	fmt.Fprintf(out, "soak: tenants without trouble: p50 %.3f s, p99 %.3f s; CPU %.2f cores; %d CPUs, %s\n", r.P50, r.P99, r.CPUSeconds/r.Seconds, r.CPUs, r.Go)
	if r.file == "" {
		return nil
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(r.file, append(text, '\n'), 0o600)
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// binary finds what `make build` wrote.
func binary(t *testing.T, name string) string {
	t.Helper()
	dist := os.Getenv("DATADOGOAUTH_DIST")
	if dist == "" {
		dist = "../../../dist"
	}
	path, err := filepath.Abs(filepath.Join(dist, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v; run `make build` first", err)
	}
	return path
}

// One cycle of all troubles, with less of everything than in a real run.
func TestTheBooksBalanceAfterEveryTrouble(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "soak.json")
	var out bytes.Buffer
	err := run(t.Context(), []string{"-collector", binary(t, "otelcol-datadogoauth"), "-ctl", binary(t, "datadogoauthctl"), "-time", "32s", "-cycles", "1", "-tenants", "24", "-rate", "4800",
		"-json", file}, &out)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Applied) != len(troubles) || len(r.Cycles) != 1 || r.Cycles[0].Resident < 10<<20 || r.Cycles[0].Goroutines < 20 || r.P99 < r.P50 || r.P50 <= 0 || len(r.Samples) < 10 {
		t.Errorf("%s", text)
	}
	for i, a := range r.Accounts {
		if a.Signal != load.Signals[i] || a.Client.Accepted < 20_000 || a.Own.Delivered < 10_000 {
			t.Errorf("%+v", a)
		}
	}
}

// good is an account that balances: 100 items start series, 50 are too large, 20 wait for an intake that refuses them and have to go, 10 arrived in vain
// and again.
func good() Account {
	a := Account{Signal: load.Metrics, Sink: 840, Lost: 10, Hits: map[string]int{tooLarge: 80, intakeRefused: 3},
		Own: balance.Account{Accepted: 1000, Delivered: 830, Redriven: 40, Dropped: map[string]int{"baseline": 100, tooLarge: 50, intakeRefused: 20}}}
	a.Groups[healthy] = load.Totals{Accepted: 100, Due: 100, Arrived: 100}
	a.Groups[troubled] = load.Totals{Accepted: 800, Due: 700, Arrived: 650, Extra: 10}
	a.Groups[refused] = load.Totals{Accepted: 100, Due: 100, Arrived: 80}
	a.Client = a.Groups[0].Plus(a.Groups[1]).Plus(a.Groups[2])
	return a
}

func TestEveryFaultOfTheBooksIsNoticed(t *testing.T) {
	t.Parallel()
	a := good()
	if err := a.check(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Account){
		"the receiver took 1001":       func(a *Account) { a.Client.Accepted++; a.Client.Due++; a.Client.Arrived++; a.Sink++; a.Own.Delivered++ },
		"1 are nowhere":                func(a *Account) { a.Own.Delivered-- },
		"1 items are left in the park": func(a *Account) { a.Own.Delivered--; a.Own.Parking++ },
		"99 were dropped as baselin":   func(a *Account) { a.Own.Dropped["baseline"]--; a.Own.Dropped[tooLarge]++ },
		"839 of known requests":        func(a *Account) { a.Client.Arrived-- },
		"are delivered by the":         func(a *Account) { a.Own.Delivered += 5; a.Own.Dropped[tooLarge] -= 5 },
		"75 items did not arrive":      func(a *Account) { a.Client.Arrived -= 5; a.Sink -= 5; a.Lost -= 5 },
		"5 items were dropped as rejected, for which": func(a *Account) {
			a.Own.Dropped["rejected"], a.Own.Dropped[tooLarge] = 5, 45
		},
		"5 items were dropped as park_full":         func(a *Account) { a.Own.Dropped["park_full"], a.Own.Dropped[tooLarge] = 5, 45 },
		"5 items expired":                           func(a *Account) { a.Own.Expired, a.Own.Dropped[tooLarge] = 5, 45 },
		"50 items were dropped as too large, 0":     func(a *Account) { a.Hits[tooLarge] = 0 },
		"it refused 0 requests":                     func(a *Account) { a.Hits[intakeRefused] = 0 },
		"those tenants sent 19 items":               func(a *Account) { a.Groups[refused].Due = 19 },
		"nothing was sent out of the park":          func(a *Account) { a.Own.Redriven = 0 },
		"of tenants without trouble 99 items":       func(a *Account) { a.Groups[healthy].Arrived-- },
		"100 items of 100 arrived, 1 of them again": func(a *Account) { a.Groups[healthy].Extra++ },
		"51 items of tenants did not arrive":        func(a *Account) { a.Groups[troubled].Arrived-- },
	} {
		a := good()
		spoil(&a)
		if err := a.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one about %q", err, want)
		}
	}
}

func TestGrowthIsJudged(t *testing.T) {
	t.Parallel()
	report := func(perMinute int64, goroutines int) *Report {
		r := newReport(options{time: 30 * time.Minute, tenants: 100})
		for at := range 1800 {
			wave := int64(at%180) * 200_000 // what comes and goes with each cycle
			r.add(Sample{At: float64(at), Resident: 150e6 + wave + perMinute*int64(at)/60})
		}
		for c := range 10 {
			r.Cycles = append(r.Cycles, Cycle{From: float64(c) * 180, To: float64(c+1) * 180})
			r.cycle(c, []int{400, 500 + c*goroutines/10, 900})
		}
		return r
	}
	if err := report(0, 50).judge(); err != nil {
		t.Error(err)
	}
	if err := report(0, 80).judge(); err == nil || !strings.Contains(err.Error(), "goroutines grow from 516 to 572") {
		t.Errorf("error %v", err)
	}
	if err := report(200_000, 0).judge(); err != nil {
		t.Errorf("3 %% in the judged time: %v", err)
	}
	if err := report(2e6, 0).judge(); err == nil || !strings.Contains(err.Error(), "resident memory grows by 2.") {
		t.Errorf("error %v", err)
	}
	if err := report(0, 200).judge(); err == nil || !strings.Contains(err.Error(), "goroutines grow from 540 to 680") {
		t.Errorf("error %v", err)
	}
	short := report(2e6, 0) // what it grows by does not count, what it has does
	short.Seconds = 120
	if err := short.judge(); err != nil {
		t.Error(err)
	}
	short.Cycles[4].Resident = 260e6
	if err := short.judge(); err == nil || !strings.Contains(err.Error(), "resident memory is 260 MB in the median of a cycle") {
		t.Errorf("error %v", err)
	}
	short.Cycles[4].Resident = 0
	short.add(Sample{At: 900, Resident: 360e6})
	if err := short.judge(); err == nil || !strings.Contains(err.Error(), "and 360 MB at most") {
		t.Errorf("error %v", err)
	}
	blind := report(0, 0)
	blind.Samples = nil
	if err := blind.judge(); err == nil || !strings.Contains(err.Error(), "nothing was measured") {
		t.Errorf("error %v", err)
	}
}

func TestTroublesComeAndGoInEveryCycle(t *testing.T) {
	t.Parallel()
	o := options{time: 2 * time.Minute, cycles: 3, tenants: 100}
	on := map[int]time.Duration{}
	for _, e := range o.timetable() {
		if e.begin {
			on[e.k] = e.at
		} else if e.at-on[e.k] != o.onFor() || e.at > o.cycle()*19/20 {
			t.Errorf("%s is on from %s to %s of %s", troubles[e.k].name, on[e.k], e.at, o.cycle())
		}
	}
	if len(on) != len(troubles) {
		t.Errorf("%d troubles of %d", len(on), len(troubles))
	}
	seen := map[int]bool{}
	for n := range 80 {
		v := o.victim(n)
		if seen[v] || v >= 100 || o.group(v) == healthy || (o.group(v) == refused) != (troubles[n%len(troubles)].drops == intakeRefused && n < o.cycles*len(troubles)) {
			t.Errorf("victim %d is tenant %d", n, v)
		}
		seen[v] = true
	}
}

func TestFaultsOfFlags(t *testing.T) {
	t.Parallel()
	good := []string{"-collector", "c", "-ctl", "c"}
	for want, args := range map[string][]string{
		"are needed":            {},
		"12 at least":           append(good, "-tenants", "10"),
		"sends every 900ms":     append(good, "-rate", "40000"),
		"befall nobody":         append(good, "-time", "20s"),
		"flag provided but not": append(good, "-quick"),
	} {
		if err := run(t.Context(), args, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want one about %q", args, err, want)
		}
	}
}

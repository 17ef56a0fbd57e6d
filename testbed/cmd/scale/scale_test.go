package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/proc"
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

// A short run shows that every figure comes out and that nothing is lost. What the figures are is no matter here.
func TestAShortRunHasAllFigures(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, picture := filepath.Join(dir, "scale.json"), filepath.Join(dir, "scale.svg")
	var out bytes.Buffer
	err := run(t.Context(), []string{"-collector", binary(t, "otelcol-datadogoauth"), "-ctl", binary(t, "datadogoauthctl"), "-short", "-rate", "5000", "-json", file, "-svg", picture}, &out)
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
	if len(r.Sizes) != 2 || r.Active == nil || r.Sizes[1].Connected != 4 || r.Active.Active != 2 {
		t.Fatalf("%s", text)
	}
	for _, s := range append(r.Sizes, r.Active) {
		const smallest = 10 << 20 // no collector fits
		if s.Idle.Resident < smallest || s.Busy.Resident < smallest || s.Typical < smallest || s.Typical > s.Busy.Resident || s.Busy.Peak < s.Busy.Resident || s.Goroutines < 20 || s.Busy.TCP < 2 || s.Busy.Out < 1 || s.Busy.Out >= s.Busy.TCP || s.Busy.Files < s.Busy.TCP {
			t.Errorf("%d tenants: idle %+v, busy %+v, %d goroutines", s.Connected, s.Idle, s.Busy, s.Goroutines)
		}
		if len(s.Runs) != 1 || s.Runs[0].Items < 4000 || s.Runs[0].CPUSeconds <= 0 || s.Runs[0].P50 <= 0 || s.Runs[0].P99 < s.Runs[0].P50 {
			t.Errorf("%d tenants: %+v", s.Connected, s.Runs)
		}
	}
	svg, err := os.ReadFile(picture)
	if err != nil || !strings.HasPrefix(string(svg), "<svg") || strings.Count(string(svg), "<circle") != 12 {
		t.Errorf("%v: %s", err, svg)
	}
	for _, want := range []string{"| 4 | 4 |", "| 4 | 2 |", "not judged", "nothing lost", "only 1 of 7 runs"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}

// A short run with a durable queue shows what it takes at most as well.
func TestADurableQueueIsFlooded(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "scale.json")
	var out bytes.Buffer
	if err := run(t.Context(), []string{"-collector", binary(t, "otelcol-datadogoauth"), "-ctl", binary(t, "datadogoauthctl"), "-short", "-storage", "-rate", "2000", "-json", file}, &out); err != nil {
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
	if !r.Storage || r.Synced <= 0 || len(r.Sizes) != 1 {
		t.Fatalf("%s", text)
	}
	for _, s := range r.Sizes {
		if f := s.Flood; f == nil || f.Calls < 8 || f.Rate <= 0 || f.CPUSeconds <= 0 || f.Drained <= 0 {
			t.Errorf("%d tenants: %+v", s.Connected, f)
		}
	}
	for _, want := range []string{"| 2 | 2 | 64 |", "a durable queue with fsync", "nothing lost"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}

func TestTheMemoryOfTenThousandTenantsIsJudged(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{249e6: ": met\n", 251e6: ": missed\n"} {
		var out strings.Builder
		file := filepath.Join(t.TempDir(), "scale.json")
		r := newReport(options{runs: 7, jsonFile: file})
		r.Active = &Size{Connected: 10_000, Active: 1000, Busy: proc.Use{Resident: 200e6, Peak: bytes}, Runs: []Run{{Items: 1, CPUSeconds: 1}}}
		err := r.finish(&out)
		if missed := bytes > 250e6; (err != nil) != missed || missed && !strings.Contains(err.Error(), "251.0 MB at the peak") {
			t.Errorf("%d bytes: %v", bytes, err)
		}
		if _, err := os.Stat(file); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%d bytes: %v\n%s", bytes, err, out.String())
		}
	}
}

func TestFaultsOfFlags(t *testing.T) {
	t.Parallel()
	good := []string{"-collector", "c", "-ctl", "c"}
	for want, args := range map[string][]string{
		"are needed":            {},
		"no number of tenants":  append(good, "-sizes", "1,1500"),
		"must rise":             append(good, "-sizes", "100,1"),
		"0 to 10":               append(good, "-sizes", "10", "-active", "11"),
		"-time a second":        append(good, "-time", "1ms"),
		"flag provided but not": append(good, "-quick"),
	} {
		if err := run(t.Context(), args, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want one about %q", args, err, want)
		}
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
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

// A short run shows that every figure comes out, that faults befall whom they should, and that nothing of the others is lost. What the figures are
// is no matter here.
func TestAShortRunHasAllFigures(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "poison.json")
	var out bytes.Buffer
	err := run(t.Context(), []string{"-collector", binary(t, "otelcol-datadogoauth"), "-ctl", binary(t, "datadogoauthctl"), "-short", "-kinds", "500;key refused;site resets", "-consumers", "20", "-direct", "-json", file}, &out)
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
	if r.Tenants != 30 || r.Poisoned != 3 || len(r.Arms) != 3 || len(r.Changes) != 2 {
		t.Fatalf("%s", text)
	}
	for arm, runs := range r.Arms {
		if len(runs) != 1 || runs[0].Throughput <= 0 || runs[0].P50 <= 0 || runs[0].P99 < runs[0].P50 || runs[0].CPUSeconds <= 0 || runs[0].Items < 5000 {
			t.Errorf("%s: %+v", arm, runs)
		}
		if poisoned := runs[0].Poisoned; (arm == armPoisoned) != (poisoned["500"] > 0 && poisoned["key refused"] > 0 && poisoned["site resets"] > 0) {
			t.Errorf("%s: %v", arm, poisoned)
		}
	}
	if own, more := r.Arms[armHealthy][0].Greedy, r.Arms[armGreedy][0].Greedy; more < 3*own {
		t.Errorf("the greedy tenant sends %d items, %d when it is not greedy", more, own)
	}
	for _, want := range []string{"a tenth poisoned: throughput worse by", "one greedy: p99 worse by", "only 1 of 7 runs", "went wrong: 500 "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output lacks %q:\n%s", want, out.String())
		}
	}
}

func TestWhoIsWorseOffInTheMedianFailsTheRun(t *testing.T) {
	t.Parallel()
	runs := func(p99s ...float64) (all []Run) {
		for _, p99 := range p99s {
			all = append(all, Run{Throughput: 100, P50: .5, P99: p99})
		}
		return all
	}
	for _, c := range []struct {
		poisoned []Run
		want     string
	}{
		{runs(1.1, 1.2, 1.1, 1.2, 1.1, 1.2, 1.1), "a tenth poisoned: p99 worse by +10.0 %, the median of pairs of +10.0 to +20.0; asked < 5 %: missed, all 7 pairs are above"},
		{runs(1.1, 1.2, 1.1, 1.2, 1.1, 1.2, 1), "missed, 6 of 7 pairs are above"},
		{runs(1.1, 1.2, 1.1, 1, 1, 1, 1), ""},
		{runs(1, 1, 1, 1, 1, 1, 1), ""},
	} {
		healthy := runs(1, 1, 1, 1, 1, 1, 1)
		var out strings.Builder
		err := newReport(options{tenants: 1000, kinds: kinds}, map[string][]Run{armHealthy: healthy, armPoisoned: c.poisoned, armGreedy: healthy}).finish(&out)
		if (err != nil) != (c.want != "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one about %q\n%s", err, c.want, out.String())
		}
	}
	lost := runs(1)
	lost[0].Missing = 3
	err := newReport(options{tenants: 1000, kinds: kinds}, map[string][]Run{armHealthy: runs(1), armPoisoned: lost, armGreedy: runs(1)}).finish(new(strings.Builder))
	if err == nil || !strings.Contains(err.Error(), "3 items had not arrived") {
		t.Errorf("error %v", err)
	}
}

func TestATenthIsPoisonedInEveryWay(t *testing.T) {
	t.Parallel()
	o := &options{kinds: kinds}
	groups, by, sites := map[int]int{}, map[string]int{}, map[string][2]int{}
	for i := range 1000 {
		groups[o.group(i)]++
		k, is := o.poisoned(i)
		s := sites[o.site(i)]
		if is {
			by[k.name]++
			s[1]++
		} else {
			s[0]++
		}
		sites[o.site(i)] = s
	}
	if groups[sick] != 100 || groups[greedy] != 1 || groups[healthy] != 899 || len(by) != 9 {
		t.Errorf("%v, %v", groups, by)
	}
	for site, n := range sites {
		whole := site == "ap1.datadoghq.com" || site == "ap2.datadoghq.com"
		if n[1] < 10 || whole != (n[0] == 0) {
			t.Errorf("%s has %d healthy tenants and %d poisoned ones", site, n[0], n[1])
		}
	}
}

// What is not real is compared with each request and befalls none.
func TestFaultsThatAreNotRealBefallNobody(t *testing.T) {
	t.Parallel()
	o := &options{kinds: kinds}
	var orgs []oauth.Org
	for range 90 {
		orgs = append(orgs, oauth.Org{OrgRef: oauth.OrgRef{ID: "org"}})
	}
	for _, real := range []bool{true, false} {
		var set faults.Set
		if err := o.poison(&set, orgs, real); err != nil {
			t.Fatal(err)
		}
		if _, hit := set.Take(faults.Request{Org: "org", Path: "/api/v2/logs"}); hit != real || len(set.List()) != 8*len(intakes)+1 {
			t.Errorf("real %v: hit %v, %d faults", real, hit, len(set.List()))
		}
		if _, err := o.applied(&set); err == nil || !strings.Contains(err.Error(), `"429" befell no request`) {
			t.Errorf("error %v", err)
		}
	}
}

func TestFaultsOfFlags(t *testing.T) {
	t.Parallel()
	good := []string{"-collector", "c", "-ctl", "c"}
	for want, args := range map[string][]string{
		"are needed":             {},
		"must be 90 to":          append(good, "-tenants", "80"),
		`there is no kind "504"`: append(good, "-kinds", "500;504"),
		"-rate must be":          append(good, "-rate", "10"),
		"flag provided but not":  append(good, "-quick"),
	} {
		if err := run(t.Context(), args, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: error %v, want one about %q", args, err, want)
		}
	}
}

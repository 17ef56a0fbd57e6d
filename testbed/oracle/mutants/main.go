// Command mutants asks whether the comparison with Datadog's code would notice if an encoder of ours were wrong.
//
// It runs the tests of the oracle once as they are, which must pass, and then once for each mutant of list.go: a fault that is put into one
// file by go test -overlay, so that nothing on disk changes. Each mutant must make its test count failed cases. The last line is
// "N passed, N failed", a mutant that was seen being one that passed.
//
//	go run ./mutants            all
//	go run ./mutants -run tag   those with tag in their name
//	go run ./mutants -cases 500 with so many generated cases each
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// product is where the files of mutants are, from the directory of the oracle's module.
const product = "../../exporter/datadogoauthexporter/internal"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("mutants", flag.ExitOnError)
	cases := flags.Int("cases", 1500, "generated cases of each run")
	only := flags.String("run", "", "part of the names of the mutants to run")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l := lab{dir: dir, cases: *cases}
	// All faults are made before the first run: a list that is out of date says so at once.
	var overlays []string
	for i, m := range mutants {
		overlay, err := l.overlay(i, m)
		if err != nil {
			return err
		}
		overlays = append(overlays, overlay)
	}
	if out, failed, err := l.compare(ctx, "", "TestMetrics|TestLogs|TestTraces|TestStatsOverTime"); err != nil || failed > 0 {
		return fmt.Errorf("without a mutant %d cases failed, want 0: %w\n%s", failed, err, out)
	}
	passed, missed := 0, 0
	var errs []error
	for i, m := range mutants {
		if !strings.Contains(m.name, *only) {
			continue
		}
		began := time.Now()
		out, failed, err := l.compare(ctx, overlays[i], m.test)
		switch {
		case err != nil:
			missed++
			errs = append(errs, fmt.Errorf("%s: %w\n%s", m.name, err, out))
			continue
		case failed == 0:
			missed++
			errs = append(errs, fmt.Errorf("%s: not caught", m.name))
			fmt.Printf("MISSED  %-40s %s, %s\n", m.name, m.file, m.test)
			continue
		}
		passed++
		fmt.Printf("caught  %-40s %s, %s: %d cases failed (%s)\n", m.name, m.file, m.test, failed, time.Since(began).Round(time.Second))
	}
	fmt.Printf("mutants: %d passed, %d failed\n", passed, missed)
	return errors.Join(errs...)
}

// lab runs the oracle with mutants.
type lab struct {
	dir   string
	cases int
}

// overlay writes the file of a mutant and the overlay that puts it in place.
func (l lab) overlay(i int, m mutant) (string, error) {
	path, err := filepath.Abs(filepath.Join(product, filepath.FromSlash(m.file)))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: run this in the module of the oracle: %w", m.name, err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return "", fmt.Errorf("%s: the text to replace is %d times in %s, want once; bring list.go up to date: %q", m.name, n, m.file, m.old)
	}
	mutated := filepath.Join(l.dir, strconv.Itoa(i)+".go")
	if err := os.WriteFile(mutated, []byte(strings.Replace(string(text), m.old, m.new, 1)), 0o600); err != nil {
		return "", err
	}
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutated}})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(l.dir, strconv.Itoa(i)+".json")
	return overlay, os.WriteFile(overlay, replace, 0o600)
}

var (
	counts = regexp.MustCompile(`(?m): (\d+) passed, (\d+) failed$`)
	// died are ends of a run that say nothing about a comparison.
	died = regexp.MustCompile(`(?m)^(panic: |fatal error: )|\[build failed\]|\[setup failed\]`)
)

// compare runs tests and returns how many cases failed. An error is about a run that compared nothing.
func (l lab) compare(ctx context.Context, overlay, tests string) (out string, failed int, err error) {
	args := []string{"test", "-count=1", "-vet=off", "-timeout=10m", "-v", "-run=^(" + tests + ")$"}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...)
	cmd.Env = append(os.Environ(), "ORACLE_CASES="+strconv.Itoa(l.cases), "ORACLE_EXAMPLES=0", "ORACLE_CORPUS=generated")
	text, err := cmd.CombinedOutput()
	out = string(text)
	reports := counts.FindAllStringSubmatch(out, -1)
	for _, r := range reports {
		n, _ := strconv.Atoi(r[2]) // the pattern has digits only
		failed += n
	}
	switch {
	case len(reports) < strings.Count(tests, "|")+1, died.MatchString(out):
		return out, failed, fmt.Errorf("the run did not get to its end: %v", err)
	case err != nil && failed == 0:
		return out, failed, fmt.Errorf("the run failed, but no case did: %w", err)
	}
	return out, failed, nil
}

// Command mutants asks whether TestTenantsNeverMix would notice if tenants were mixed.
//
// It runs the test once as it is, which must pass, and then once for each mutant of list.go: a fault that is put into the exporter by go test
// -overlay, so that nothing on disk changes. With each the test must fail because a body was somebody else's. The last line is
// "mutants: N passed, N failed", a mutant that was seen being one that passed.
//
//	go run ./internal/isolation/mutants            all
//	go run ./internal/isolation/mutants -run key   those with key in their name
//	go run ./internal/isolation/mutants -short     the first three, for who ran the test as it is already
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
	"strings"
	"time"
)

// shortMutants is how many of the list the short form has: a wrong key, a shared memory, and a buffer that is reused.
const shortMutants = 3

// product is where the files of mutants are, from the root of the module.
const product = "exporter/datadogoauthexporter"

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
	only := flags.String("run", "", "part of the names of the mutants to run")
	short := flags.Bool("short", false, "the first three, without a run of the test as it is")
	if err := flags.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// All faults are made before the first run: a list that is out of date says so at once.
	var overlays []string
	for i, m := range mutants {
		overlay, err := m.overlay(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			return err
		}
		overlays = append(overlays, overlay)
	}
	mutants := mutants
	if *short {
		mutants = mutants[:shortMutants]
	} else if out, err := test(ctx); err != nil {
		return fmt.Errorf("the test fails without a mutant: %w\n%s", err, out)
	}
	passed, missed := 0, 0
	var errs []error
	for i, m := range mutants {
		if !strings.Contains(m.name, *only) {
			continue
		}
		began := time.Now()
		out, err := test(ctx, "-overlay="+overlays[i])
		how := seen.FindString(out)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			missed++
			errs = append(errs, fmt.Errorf("%s: not caught", m.name))
			fmt.Printf("MISSED  %s\n", m.name)
		case how == "" || died.MatchString(out):
			missed++
			errs = append(errs, fmt.Errorf("%s: the run did not get to a body: %w\n%s", m.name, err, out))
		default:
			passed++
			fmt.Printf("caught  %s (%s)\n        %.220s\n", m.name, time.Since(began).Round(time.Second), how)
		}
	}
	fmt.Printf("mutants: %d passed, %d failed\n", passed, missed)
	return errors.Join(errs...)
}

var (
	// seen is what the test says of a body that is somebody else's.
	seen = regexp.MustCompile(`ISOLATION_SEED=.*`)
	// died are ends of a run that say nothing about bodies.
	died = regexp.MustCompile(`(?m)^(panic: |fatal error: )|\[build failed\]|\[setup failed\]`)
)

// overlay writes the files of a mutant into a directory, and the overlay that puts them in place.
func (m mutant) overlay(dir string) (string, error) {
	texts := make(map[string]string) // by path
	for _, e := range m.edits {
		path, err := filepath.Abs(filepath.Join(product, filepath.FromSlash(e.file)))
		if err != nil {
			return "", err
		}
		text, ok := texts[path]
		if !ok {
			raw, err := os.ReadFile(path)
			if err != nil {
				return "", fmt.Errorf("%s: run this in the root of the module: %w", m.name, err)
			}
			text = string(raw)
		}
		if n := strings.Count(text, e.old); n != 1 {
			return "", fmt.Errorf("%s: the text to replace is %d times in %s, want once; bring list.go up to date: %q", m.name, n, e.file, e.old)
		}
		texts[path] = strings.Replace(text, e.old, e.new, 1)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	replace := make(map[string]string)
	for path, text := range texts {
		replace[path] = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		if err := os.WriteFile(replace[path], []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	raw, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay := filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, raw, 0o600)
}

// mutantBatches are for a run with a mutant, which ends when it is caught: at once as a rule, but of ten thousand batches one run in ten shows nothing of a memory of series
// that tenants share, since a series whose begin changes starts anew.
const mutantBatches = "50000"

// test runs the short form. With flags it has a mutant.
func test(ctx context.Context, flags ...string) (out string, err error) {
	args := append([]string{"test", "-count=1", "-vet=off", "-timeout=5m", "-run=^TestTenantsNeverMix$"}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "./internal/isolation")...)
	cmd.Env = append(os.Environ(), "DATADOGOAUTH_LONG=")
	if len(flags) > 0 {
		cmd.Env = append(cmd.Env, "ISOLATION_BATCHES="+mutantBatches)
	}
	text, err := cmd.CombinedOutput()
	return string(text), err
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
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

// TestKillsLoseNothing is the short form of `make faults RUN=delivery-kill`.
func TestKillsLoseNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := run(t.Context(), []string{"-collector", binary(t, "otelcol-datadogoauth"), "-ctl", binary(t, "datadogoauthctl"), "-run", "delivery-kill", "-short"}, &out)
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
}

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// snippet is one fenced block of the documentation.
type snippet struct {
	page     string
	line     int
	language string
	text     string
}

var fence = regexp.MustCompile("(?m)^ *```(.*)$")

// snippets are the blocks of every page in one language.
func snippets(t *testing.T, language string) (found []snippet) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "dist" || name == "testdata" || len(name) > 2 && name[0] == '.'):
			return filepath.SkipDir
		case filepath.Ext(name) != ".md":
			return nil
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := string(raw)
		marks := fence.FindAllStringSubmatchIndex(text, -1)
		if len(marks)%2 != 0 {
			t.Errorf("%s: a block has no end", path)
			return nil
		}
		for pair := range slices.Chunk(marks, 2) {
			s := snippet{path, strings.Count(text[:pair[0][0]], "\n") + 1, strings.TrimSpace(text[pair[0][2]:pair[0][3]]), text[pair[0][1]+1 : pair[1][0]]}
			// Another name of a language would keep a block from being tried.
			if !slices.Contains([]string{"", "go", "python", "yaml", "sh", "json", "sql"}, s.language) {
				t.Errorf("%s:%d: no test knows a block of %q", s.page, s.line, s.language)
			}
			if s.language == language {
				found = append(found, s)
			}
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("%d blocks of %s: %v", len(found), language, err)
	}
	return found
}

// program sends what the blocks send, each of which may use ctx, logger and meter.
const program = `package main

import (
	"context"
	"errors"
	"os"
	%s

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

func main() {
	ctx := context.Background()
	c, err := world.NewClient(ctx, os.Args[1], os.Args[2])
	if err != nil {
		panic(err)
	}
	%s
	if err := errors.Join(c.Flush(ctx), c.Close(ctx)); err != nil {
		panic(err)
	}
}
`

// packages are those that a block may use without saying where they are from.
var packages = map[string]string{
	"attribute": "go.opentelemetry.io/otel/attribute", "log": "go.opentelemetry.io/otel/log", "metric": "go.opentelemetry.io/otel/metric", "time": "time",
}

// TestGoSnippetsSendWhatTheySay compiles the Go blocks of all pages, each on its own, as they are, and runs them against a collector.
func TestGoSnippetsSendWhatTheySay(t *testing.T) {
	t.Parallel()
	var calls, bodies strings.Builder
	imports := map[string]string{"log": packages["log"], "metric": packages["metric"]}
	for i, s := range snippets(t, "go") {
		for name, path := range packages {
			if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(s.text) {
				imports[name] = path
			}
		}
		fmt.Fprintf(&calls, "\n\tsnippet%d(ctx, c.Logger(), c.Meter())", i)
		page, err := filepath.Abs(s.page)
		if err != nil {
			t.Fatal(err)
		}
		// A fault is reported where it is in the page.
		fmt.Fprintf(&bodies, "\nfunc snippet%d(ctx context.Context, logger log.Logger, meter metric.Meter) {\n//line %s:%d\n%s}\n", i, page, s.line+1, s.text)
	}
	var imported strings.Builder
	for _, path := range imports {
		fmt.Fprintf(&imported, "\n\t%q", path)
	}
	binary := build(t, fmt.Sprintf(program, imported.String(), calls.String())+bodies.String())

	w := start(t, withIncidents)
	connectAll(t, w)
	customer := w.Customers[0]
	if out, err := exec.CommandContext(t.Context(), binary, w.OTLP, customer.Tenant).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	awaitCounts(t, w, customer, intake.Counts{Events: 1, Checks: 2, Incidents: 1})
	got := w.Standin.Intake().Received(customer.Org.ID)
	if e := got.Events[0]; e.Title != "Payment failed" || e.AlertType != "error" || e.AggregationKey != "order-42" {
		t.Errorf("event: %+v", e)
	}
	var statuses []int
	for _, c := range got.Checks {
		statuses = append(statuses, int(c.Status))
		if region := slices.Contains(c.Tags, "region:eu"); c.Name != "shop.can_connect" || region != (c.Status == 0) {
			t.Errorf("check: %+v", c)
		}
	}
	if slices.Sort(statuses); !slices.Equal(statuses, []int{0, 2}) {
		t.Errorf("checks with status %d", statuses)
	}
	resolved := func() bool {
		return value(w.Standin.Intake().Received(customer.Org.ID).Incidents[0], "state") == "resolved"
	}
	within(t, 30*time.Second, "the incident is resolved", resolved)
	if i := w.Standin.Intake().Received(customer.Org.ID).Incidents[0]; i.Title != "Checkout is down [checkout-2026-11-29]" || !i.Impacted || value(i, "severity") != "SEV-2" {
		t.Errorf("incident: %+v", i)
	}
}

// build vets and compiles a program in this module, without a file of it in the tree.
func build(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	file, overlay, binary := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "snippets")
	there, err := filepath.Abs("testdata/main.go") // go vet wants the directory to exist
	if err != nil {
		t.Fatal(err)
	}
	replaced, err := json.Marshal(map[string]any{"Replace": map[string]string{there: file}})
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string][]byte{file: []byte(source), overlay: replaced} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"vet", "-overlay", overlay, "./testdata"}, {"build", "-overlay", overlay, "-o", binary, "./testdata"}} {
		if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", args[0], err, out)
		}
	}
	return binary
}

// recording runs a block and prints what the handler of OpenTelemetry makes of its records: of whatever a record has beside its own fields, which
// is what extra brought, it makes attributes.
const recording = `
import json, logging, sys
own = vars(logging.makeLogRecord({}))
class Handler(logging.Handler):
    def emit(self, record):
        print(json.dumps({"Body": record.getMessage(), "Level": record.levelname, "Attributes": {k: v for k, v in vars(record).items() if k not in own}}))
logging.getLogger().addHandler(Handler())
exec(compile(sys.stdin.read(), sys.argv[1], "exec"))
`

// TestPythonSnippetsSendWhatTheySay runs the Python blocks of all pages, each on its own, as they are, and sends what they log to a collector. The
// OpenTelemetry SDK for Python is not there: its handler is played.
func TestPythonSnippetsSendWhatTheySay(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed; install it and put it on the PATH to run the Python of the documentation")
	}
	w := start(t, func(o *world.Options) { o.Tenants = threeCustomers[:1] })
	connectAll(t, w)
	customer := w.Customers[0]
	c := client(t, w, customer.Tenant)
	for _, s := range snippets(t, "python") {
		var out, errs bytes.Buffer
		cmd := exec.CommandContext(t.Context(), python, "-c", recording, fmt.Sprintf("%s:%d", s.page, s.line))
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(s.text), &out, &errs
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s:%d: %v\n%s", s.page, s.line, err, &errs)
		}
		var record struct {
			Body, Level string
			Attributes  map[string]string
		}
		if err := json.Unmarshal(out.Bytes(), &record); err != nil {
			t.Fatalf("%s:%d: logs %q: %v", s.page, s.line, &out, err)
		}
		var r otellog.Record
		r.SetSeverity(map[string]otellog.Severity{"INFO": otellog.SeverityInfo}[record.Level])
		r.SetBody(attribute.StringValue(record.Body))
		for key, v := range record.Attributes {
			r.AddAttributes(attribute.String(key, v))
		}
		c.Logger().Emit(t.Context(), r)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	awaitCounts(t, w, customer, intake.Counts{Events: 1})
	e := w.Standin.Intake().Received(customer.Org.ID).Events[0]
	if e.Title != "Deployed 1.4.2" || e.Text != "Deployed 1.4.2\nby the pipeline, in 40 s" || e.AlertType != "success" || !slices.Contains(e.Tags, "version:1.4.2") {
		t.Errorf("event: %+v", e)
	}
}

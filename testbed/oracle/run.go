package oracle

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// load is what goes both ways at once: payloads in their order.
type load[D any] struct {
	name     string
	payloads []D
	// cells says of each case in the payloads what kind of case it is. A load without cases is one case itself, called like the load.
	cells map[string]string
	cell  string // of the load, if it has no cases
	// perField says that a field tells more about a difference than the cell of its case.
	perField bool
	// both sends payloads, which it does not change, both ways.
	both func(ctx context.Context, payloads []D) (outcome, error)
}

// outcome is what both sides made of the same payloads.
type outcome struct {
	ours, theirs []item
	complaints   []string
}

// codec is the JSON form of pdata.
type codec[D any] struct {
	marshal   func(D) ([]byte, error)
	unmarshal func([]byte) (D, error)
}

// run compares one load and adds it to the report.
func run[D any](t testing.TB, r *report, c codec[D], l load[D]) {
	t.Helper()
	o, err := l.both(t.Context(), l.payloads)
	if err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	r.items += len(o.theirs)
	failed := make(map[string]bool)
	for _, d := range o.differences() {
		failed[d.id] = true
		name := l.kindOf(d)
		k, wanted := r.differ(name)
		if !wanted {
			continue
		}
		small := shrink(c, l.payloads, func(payloads []D) bool {
			o, err := l.both(t.Context(), payloads)
			if err != nil {
				return false
			}
			for _, d := range o.differences() {
				if l.kindOf(d) == name {
					return true
				}
			}
			return false
		})
		k.examples = append(k.examples, l.example(t.Context(), c, name, small))
	}
	if len(l.cells) == 0 {
		r.add(l.cell, len(failed) == 0)
		return
	}
	for id, cell := range l.cells {
		r.add(cell, !failed[id] && len(o.complaints) == 0)
	}
}

// differences are those of the items. Where something went wrong on the way, items are missing for that reason, and only the complaints count.
func (o outcome) differences() []difference {
	if len(o.complaints) == 0 {
		return compare(o.ours, o.theirs)
	}
	var all []difference
	for _, text := range o.complaints {
		all = append(all, difference{field: "complaint", all: text})
	}
	return all
}

// kindOf is what differences with the same cause have in common.
func (l load[D]) kindOf(d difference) string {
	cell, ok := l.cells[d.id]
	if !ok {
		cell = l.cell
	}
	if d.field == "complaint" {
		return variable.ReplaceAllString(d.all, "#")
	}
	what, _, _ := strings.Cut(d.group, " ")
	if l.perField {
		return fmt.Sprintf("%s of %s", d.field, what)
	}
	return fmt.Sprintf("%s: %s of %s", cell, d.field, what)
}

// variable are the parts of a complaint that differ from case to case.
var variable = regexp.MustCompile(`(c\d+\.\S+|[-+]?\d[\d.e+-]*|\[hidden\])`)

// example shows differences of one kind with the payloads that have them.
func (l load[D]) example(ctx context.Context, c codec[D], name string, payloads []D) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  in %s", l.name)
	o, err := l.both(ctx, payloads)
	if err != nil {
		return b.String() + ": " + err.Error()
	}
	for _, d := range o.differences() {
		if l.kindOf(d) != name {
			continue
		}
		switch d.field {
		case "missing", "extra", "complaint":
			fmt.Fprintf(&b, "\n    %s: %s", d.field, d.all)
		default:
			fmt.Fprintf(&b, "\n    %s, %s:\n      ours   %s\n      theirs %s", d.group, d.field, d.ours, d.theirs)
		}
	}
	for i, d := range payloads {
		text, err := c.marshal(d)
		if err != nil {
			text = []byte(err.Error())
		}
		fmt.Fprintf(&b, "\n    input %d: %s", i, text)
	}
	return b.String()
}

// casesPerLoad is how many generated cases go through one exporter.
const casesPerLoad = 20

// loads is how many loads make the number of cases that is asked for.
func loads() int { return (fromEnv("ORACLE_CASES", 2000) + casesPerLoad - 1) / casesPerLoad }

// corpus says whether the golden inputs and samples are compared as well.
func corpus() bool { return os.Getenv("ORACLE_CORPUS") != "generated" }

// modeLoads is how many loads go through each mode but the default one, where cells are not those of modes.
func modeLoads() int { return (loads() + 19) / 20 }

// allIn puts all cases into one cell.
func allIn(cells map[string]string, cell string) map[string]string {
	for id := range cells {
		cells[id] = cell
	}
	return cells
}

func seed() int { return fromEnv("ORACLE_SEED", 1) }

func maxExamples() int { return fromEnv("ORACLE_EXAMPLES", 1) }

// fromEnv panics on a text that is no number: a run with another number than was asked for would say nothing.
func fromEnv(name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		panic(fmt.Sprintf("%s: must be a number from 0 on, got %q", name, text))
	}
	return n
}

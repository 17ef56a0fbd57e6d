package oracle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// report counts the cases of one signal by cell and collects what differs, one entry per kind of difference.
type report struct {
	signal string
	cells  map[string]*tally
	items  int // that were compared
	kinds  map[string]*kind
}

type tally struct{ passed, failed int }

// kind are all differences of one field in one cell.
type kind struct {
	name     string
	count    int
	examples []string
}

func newReport(signal string) *report {
	return &report{signal: signal, cells: make(map[string]*tally), kinds: make(map[string]*kind)}
}

// add counts one case.
func (r *report) add(cell string, passed bool) {
	t := r.cell(cell)
	if passed {
		t.passed++
	} else {
		t.failed++
	}
}

func (r *report) cell(name string) *tally {
	t := r.cells[name]
	if t == nil {
		t = &tally{}
		r.cells[name] = t
	}
	return t
}

// differ counts a difference and says whether an example of its kind is wanted.
func (r *report) differ(name string) (k *kind, wanted bool) {
	k = r.kinds[name]
	if k == nil {
		k = &kind{name: name}
		r.kinds[name] = k
	}
	k.count++
	return k, len(k.examples) < maxExamples()
}

// print ends the test red when anything differs.
func (r *report) print(t testing.TB, used exceptions) {
	var b strings.Builder
	var total tally
	for _, cell := range slices.Sorted(maps.Keys(r.cells)) {
		n := r.cells[cell]
		total.passed, total.failed = total.passed+n.passed, total.failed+n.failed
		fmt.Fprintf(&b, "  %-70s %6d passed", cell, n.passed)
		if n.failed > 0 {
			fmt.Fprintf(&b, " %6d failed", n.failed)
		}
		b.WriteByte('\n')
	}
	t.Logf("%s: cases per cell\n%s", r.signal, &b)
	t.Logf("%s: exceptions that were needed\n%s", r.signal, used)
	kinds := slices.SortedFunc(maps.Values(r.kinds), func(a, b *kind) int { return cmp.Or(b.count-a.count, strings.Compare(a.name, b.name)) })
	for _, k := range kinds {
		t.Errorf("%s: %s: %d times\n%s", r.signal, k.name, k.count, strings.Join(k.examples, "\n"))
	}
	t.Logf("%s: %d items compared", r.signal, r.items)
	t.Logf("%s: %d passed, %d failed", r.signal, total.passed, total.failed)
}

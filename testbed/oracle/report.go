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
	// expected are the cells that the generator has to fill.
	expected map[string]bool
}

// A run of longRun cases or more must fill each cell of the generator with perCell, and need every exception that can be counted.
const (
	longRun = 100_000
	perCell = 500
)

func isLong() bool { return loads()*casesPerLoad >= longRun }

type tally struct{ passed, failed int }

// kind are all differences of one field in one cell.
type kind struct {
	name     string
	count    int
	examples []string
}

func newReport(signal string) *report {
	return &report{signal: signal, cells: make(map[string]*tally), kinds: make(map[string]*kind), expected: make(map[string]bool)}
}

// expect names the cells of the generator, so that one that is never drawn is seen as well.
func (r *report) expect(cells ...string) {
	for _, name := range cells {
		r.cell(name)
		r.expected[name] = true
	}
}

// thin are the cells with less than perCell cases.
func (r *report) thin() []string {
	var thin []string
	for _, name := range slices.Sorted(maps.Keys(r.expected)) {
		if n := r.cells[name]; n.passed+n.failed < perCell {
			thin = append(thin, fmt.Sprintf("%s: %d", name, n.passed+n.failed))
		}
	}
	return thin
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
	if isLong() {
		if thin := r.thin(); len(thin) > 0 {
			t.Errorf("%s: cells with less than %d cases:\n  %s", r.signal, perCell, strings.Join(thin, "\n  "))
			total.failed += len(thin)
		}
		if idle := used.idle(); len(idle) > 0 {
			t.Errorf("%s: exceptions that never occurred, remove them: %s", r.signal, strings.Join(idle, "; "))
			total.failed += len(idle)
		}
	}
	t.Logf("%s: %d items compared, %d cells of the generator", r.signal, r.items, len(r.expected))
	t.Logf("%s: %d passed, %d failed", r.signal, total.passed, total.failed)
}

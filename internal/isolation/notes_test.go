package isolation_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/isolation"
)

// notes count what happened, so that a run in which something never did proves nothing.
type notes struct {
	mu     sync.Mutex // guards everything below
	counts map[string]int
	leaves int
}

func newNotes() *notes { return &notes{counts: make(map[string]int)} }

func (n *notes) add(what string) { n.addMany(what, 1) }

func (n *notes) addMany(what string, times int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts[what] += times
}

func (n *notes) addBody(path string, b isolation.Body) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counts["bodies to "+path]++
	n.leaves += b.Leaves
	for t := range isolation.Tenants {
		if b.Owners&isolation.AnyOf(t) != 0 {
			n.counts["bodies of "+isolation.Name(t)]++
		}
	}
}

// missing are those of what that happened less than often.
func (n *notes) missing(often int, what ...string) (never []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, w := range what {
		if n.counts[w] < often {
			never = append(never, fmt.Sprintf("%s: %d times", w, n.counts[w]))
		}
	}
	return never
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var lines []string
	for what, times := range n.counts {
		lines = append(lines, fmt.Sprintf("%9d %s", times, what))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[10:], b[10:]) })
	return fmt.Sprintf("%s\n%9d texts and numbers told whose they are", strings.Join(lines, "\n"), n.leaves)
}

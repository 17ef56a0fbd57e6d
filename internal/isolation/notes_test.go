package isolation_test

import (
	"fmt"
	"maps"
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
	parts  map[partAt]map[uint64]bool // the ids of a part in the first body that had some of it
}

// partAt is a part of a batch on its way to an intake.
type partAt struct {
	path string
	isolation.Part
}

// maxParts bounds those that are remembered.
const maxParts = 10_000

func newNotes() *notes {
	return &notes{counts: make(map[string]int), parts: make(map[partAt]map[uint64]bool)}
}

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
	n.addParts(path, b.IDs)
}

// addParts notes a body with spans of several batches, and one that has others of a batch than the body before it. mu is held.
func (n *notes) addParts(path string, ids []uint64) {
	if path != "/api/v0.2/traces" && path != "/api/v2/spans" && path != "/v1/traces" { // not each log has an id
		return
	}
	parts := make(map[partAt]map[uint64]bool)
	for _, id := range ids {
		at := partAt{path, isolation.PartOf(id)}
		if parts[at] == nil {
			parts[at] = make(map[uint64]bool)
		}
		parts[at][id] = true
	}
	if len(parts) > 1 {
		n.counts[merged]++
	}
	for at, now := range parts {
		switch before, known := n.parts[at]; {
		case !known && len(n.parts) < maxParts:
			n.parts[at] = now
		case known && !maps.Equal(before, now):
			n.counts[split]++
			delete(n.parts, at)
		}
	}
	if len(n.parts) == maxParts {
		clear(n.parts)
	}
}

const (
	merged = "batches merged in a body"
	split  = "batch split among bodies"
)

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

package load

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// Ledger keeps which requests were sent, for whom and when they were due, and how many of their items arrived and when. A ledger without Of is
// ready. It is safe for concurrent use.
type Ledger struct {
	// Of says to which group of tenants one belongs, below Groups. Nil is one group for all.
	Of func(tenant int) int

	mu       sync.Mutex // guards what follows
	sent     map[Mark]*sending
	arrivals []arrival
	totals   map[uint8]*[Groups]Totals // by load
	strange  int                       // items of requests that were never sent
	changed  chan struct{}             // closed at the next change
}

// Item tells an item of a request from the others. The same one that arrives again has the same number.
type Item uint64

// Groups is how many groups of tenants a ledger can tell apart.
const Groups = 4

// Totals are items.
type Totals struct {
	Accepted int // by the receiver, as its answers tell
	Due      int // those of them that are to arrive: all but the first points of cumulative series
	Arrived  int // different ones
	Extra    int // what arrived again, or of a request above what it had
}

// Plus adds up two totals.
func (t Totals) Plus(b Totals) Totals {
	return Totals{t.Accepted + b.Accepted, t.Due + b.Due, t.Arrived + b.Arrived, t.Extra + b.Extra}
}

type sending struct {
	due      time.Time
	tenant   int32
	expected int32 // to arrive
	arrived  int32
	taken    bool   // by the receiver
	seen     []Item // what arrived, sorted, while something is missing
}

// fresh notes items and returns how many of them had not arrived before.
func (s *sending) fresh(items []Item) int {
	if s.arrived >= s.expected {
		return 0
	}
	s.seen = append(slices.Grow(s.seen, len(items)), items...)
	slices.Sort(s.seen)
	s.seen = slices.Compact(s.seen)
	n := min(int32(len(s.seen)), s.expected) - s.arrived //nolint:gosec // of one request
	if s.arrived += n; s.arrived == s.expected {
		s.seen = nil
	}
	return int(n)
}

type arrival struct {
	of    *sending
	late  time.Duration // since it was due
	items int32
}

// add notes a request that is about to be sent.
func (l *Ledger) add(m Mark, tenant int, due time.Time, expected int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent == nil {
		l.sent, l.totals = map[Mark]*sending{}, map[uint8]*[Groups]Totals{}
	}
	if l.sent[m] != nil {
		return fmt.Errorf("load: %+v was sent already; two rounds of metrics must be a second apart", m)
	}
	l.sent[m] = &sending{due: due, tenant: int32(tenant), expected: int32(expected)} //nolint:gosec // small
	return nil
}

// taken notes that the receiver took a request.
func (l *Ledger) taken(m Mark, items int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sent[m]
	s.taken = true
	t := l.of(m, s)
	t.Accepted += items
	t.Due += int(s.expected)
	l.wake()
}

// Arrived notes items of a request that reached their end. It has the form of sink.Watch.
func (l *Ledger) Arrived(m Mark, items []Item, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sent[m]
	if s == nil {
		l.strange += len(items)
		l.wake()
		return
	}
	fresh := s.fresh(items)
	t := l.of(m, s)
	t.Arrived += fresh
	t.Extra += len(items) - fresh
	if fresh > 0 {
		l.arrivals = append(l.arrivals, arrival{s, at.Sub(s.due), int32(fresh)}) //nolint:gosec // of one body
	}
	l.wake()
}

// of are the totals that a request counts in.
func (l *Ledger) of(m Mark, s *sending) *Totals {
	t := l.totals[m.Load]
	if t == nil {
		t = &[Groups]Totals{}
		l.totals[m.Load] = t
	}
	return &t[l.group(s)]
}

func (l *Ledger) group(s *sending) int {
	if l.Of == nil {
		return 0
	}
	return l.Of(int(s.tenant))
}

func (l *Ledger) wake() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// Group are the totals of a group of tenants.
func (l *Ledger) Group(g int) (sum Totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sum(g)
}

// sum needs mu.
func (l *Ledger) sum(g int) (sum Totals) {
	for _, t := range l.totals {
		sum = sum.Plus(t[g])
	}
	return sum
}

// Load are the totals of the load with this number, by group.
func (l *Ledger) Load(number uint8) (groups [Groups]Totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t := l.totals[number]; t != nil {
		groups = *t
	}
	return groups
}

// Strange is how many items arrived of requests that were never sent.
func (l *Ledger) Strange() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.strange
}

// Await waits until all that was accepted of a group has arrived.
func (l *Ledger) Await(ctx context.Context, g int) error {
	for {
		l.mu.Lock()
		t := l.sum(g)
		if t.Arrived >= t.Due {
			l.mu.Unlock()
			return nil
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("load: %d items of %d arrived: %w", t.Arrived, t.Due, ctx.Err())
		}
	}
}

// ArrivedBy is how many items of a group, due since begin, had arrived at a time.
func (l *Ledger) ArrivedBy(g int, begin, end time.Time) (items int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.arrivals {
		if l.group(a.of) == g && !a.of.due.Before(begin) && a.of.due.Add(a.late).Before(end) {
			items += int(a.items)
		}
	}
	return items
}

// Quantiles are those of the time from when an item was due to its arrival, over all items of a group that were due since begin. Each share is
// between 0 and 1. They are exact: the time of the item at that place when all are sorted. What was taken and has not arrived counts with the time
// until now. Without items they are 0.
func (l *Ledger) Quantiles(g int, begin time.Time, shares ...float64) []time.Duration {
	all, total := l.since(g, begin)
	slices.SortFunc(all, func(a, b arrival) int { return cmp.Compare(a.late, b.late) })
	out := make([]time.Duration, len(shares))
	for i, share := range shares {
		left := max(1, int(math.Ceil(share*float64(total))))
		for _, a := range all {
			out[i] = a.late
			if left -= int(a.items); left <= 0 {
				break
			}
		}
	}
	return out
}

// since are the items of a group that were due since begin, and how many they are.
func (l *Ledger) since(g int, begin time.Time) (all []arrival, total int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.arrivals {
		if l.group(a.of) == g && !a.of.due.Before(begin) {
			all = append(all, a)
			total += int(a.items)
		}
	}
	for _, s := range l.sent {
		if missing := s.expected - s.arrived; s.taken && missing > 0 && l.group(s) == g && !s.due.Before(begin) {
			all = append(all, arrival{s, time.Since(s.due), missing})
			total += int(missing)
		}
	}
	return all, total
}

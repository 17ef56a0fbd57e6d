package intake

import (
	"slices"
	"sync"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// org is everything that one org sent.
type org struct {
	caps Caps

	mu       sync.Mutex    // guards all below
	changed  chan struct{} // closed and replaced whenever counts or drops change
	discard  bool
	lost     []string // kinds, see DropKinds
	broken   []string // scopes, see BreakScopes
	noOTLP   bool     // Datadog has not enabled the OTLP intakes for it
	counts   Counts
	accepted Counts
	drops    dropTable
	orgData
}

// orgData is what Reset throws away as a whole.
type orgData struct {
	series   grid[point]
	sketches grid[sketchPoint]
	logs     fifo[*logItem]
	spans    fifo[Span]
	lastSeq  uint64 // of logs and spans; tells items of one millisecond apart when paging
	stats    fifo[statsItem]
	checks   fifo[Check]
	events   fifo[Event]
	// publicSpans came to the public span intake.
	publicSpans fifo[PublicSpan]
	// incidents are in order of creation.
	incidents []Incident
	hosts     map[string]HostMetadata
	otlp      struct {
		traces  fifo[*tracepb.TracesData]
		metrics fifo[*metricspb.MetricsData]
		logs    fifo[*logspb.LogsData]
	}
}

func newOrg(caps Caps) *org {
	o := &org{caps: caps, changed: make(chan struct{})}
	o.orgData = newOrgData(caps)
	return o
}

func newOrgData(caps Caps) orgData {
	return orgData{series: grid[point]{max: caps.Points}, sketches: grid[sketchPoint]{max: caps.Sketches}}
}

// org returns the data of an org, empty if nothing was ever sent.
func (in *Intake) org(id string) *org {
	in.mu.Lock()
	defer in.mu.Unlock()
	o := in.orgs[id]
	if o == nil {
		o = newOrg(in.caps)
		in.orgs[id] = o
	}
	return o
}

// write runs f, which stores one body of total items, under the lock and wakes whoever waits for counts. While DropAll or DropKinds says
// so, f does not run.
func (o *org) write(kind string, total int, f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.discard || slices.Contains(o.lost, kind) {
		o.drops.add(kind, DropDiscarded, "", total)
	} else {
		f()
	}
	o.signal()
}

// signal wakes AwaitCounts. The caller holds mu.
func (o *org) signal() {
	close(o.changed)
	o.changed = make(chan struct{})
}

// keep appends to a queue of at most max items.
func keep[T any](o *org, kind string, q *fifo[T], max int, v T) {
	o.drops.add(kind, DropEvicted, "", q.pushBounded(v, max))
}

// visibleSince returns the arrival time that an item must not be younger than in order to be found.
func (in *Intake) visibleSince() time.Time {
	return in.now().Add(-time.Duration(in.searchDelay.Load()))
}

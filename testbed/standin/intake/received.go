package intake

import (
	"context"
	"fmt"
	"time"

	"github.com/DataDog/agent-payload/v5/gogen"
	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
)

// Counts are numbers of items by kind.
type Counts struct {
	Points   int // points of series
	Sketches int // sketches, one per series and second
	Logs     int
	Spans    int // spans in the Agent's form
	Stats    int // groups of APM stats
	Checks   int
	Events   int
	// Incidents that were created, those that were deleted included.
	Incidents int
	// HostMetadata are hosts of which there was a report; Accepted counts the reports.
	HostMetadata int

	OTLPPoints, OTLPLogs, OTLPSpans int // what came to the OTLP hosts
	PublicSpans                     int // spans at the public span intake
}

// atLeast says whether no number of c is below that of want.
func (c Counts) atLeast(want Counts) bool {
	return c.Points >= want.Points && c.Sketches >= want.Sketches && c.Logs >= want.Logs && c.Spans >= want.Spans &&
		c.Stats >= want.Stats && c.Checks >= want.Checks && c.Events >= want.Events && c.Incidents >= want.Incidents && c.HostMetadata >= want.HostMetadata &&
		c.OTLPPoints >= want.OTLPPoints && c.OTLPLogs >= want.OTLPLogs && c.OTLPSpans >= want.OTLPSpans && c.PublicSpans >= want.PublicSpans
}

// Received is what an org sent and the stand-in kept. What it points to is shared: read it, do not change it.
type Received struct {
	Series   []SeriesPoint // by metric, host, tags, time
	Sketches []Sketch      // by metric, host, tags, time
	Logs     []Log         // as they arrived, like all that follow
	Spans    []Span
	Stats    []*pb.StatsPayload
	Checks   []Check
	Events   []Event
	// Incidents as they stand.
	Incidents []Incident
	// HostMetadata by host, as it was said last.
	HostMetadata []HostMetadata

	OTLPTraces  []*tracepb.TracesData
	OTLPMetrics []*metricspb.MetricsData
	OTLPLogs    []*logspb.LogsData

	PublicSpans []PublicSpan
}

// SeriesPoint is the last point that was written to a series and second.
type SeriesPoint struct {
	Metric    string   // as Datadog keeps it
	Host      string   // name of the host resource
	Tags      []string // as Datadog keeps them: cleaned, sorted, each once
	Timestamp int64    // Unix seconds
	Value     float64
	Type      gogen.MetricPayload_MetricType
	Interval  int64 // seconds
	Unit      string
	Sent      *gogen.MetricPayload_MetricSeries // the series in which it came; the JSON form is converted
}

// Sketch is what was written to a series and second, merged.
type Sketch struct {
	Metric        string
	Host          string
	Tags          []string
	Timestamp     int64 // Unix seconds
	Cnt           int64
	Min, Max, Sum float64
	Bins          map[int32]uint64            // observations by key
	Sent          *gogen.SketchPayload_Sketch // the last one that was merged into it
}

// Received returns what was kept of an org, whether searchable yet or not.
func (in *Intake) Received(orgID string) Received {
	o := in.org(orgID)
	o.mu.Lock()
	defer o.mu.Unlock()
	r := Received{
		Series:       o.seriesPoints(),
		Sketches:     o.sketchList(),
		Spans:        append([]Span(nil), o.spans.all()...),
		Checks:       append([]Check(nil), o.checks.all()...),
		Events:       append([]Event(nil), o.events.all()...),
		Incidents:    o.copyIncidents(),
		HostMetadata: o.hostList(),
		OTLPTraces:   append([]*tracepb.TracesData(nil), o.otlp.traces.all()...),
		OTLPMetrics:  append([]*metricspb.MetricsData(nil), o.otlp.metrics.all()...),
		OTLPLogs:     append([]*logspb.LogsData(nil), o.otlp.logs.all()...),
		PublicSpans:  append([]PublicSpan(nil), o.publicSpans.all()...),
	}
	for _, s := range o.stats.all() {
		r.Stats = append(r.Stats, s.payload)
	}
	for _, l := range o.logs.all() {
		r.Logs = append(r.Logs, l.view())
	}
	return r
}

func (o *org) seriesPoints() []SeriesPoint {
	var points []SeriesPoint
	for _, row := range o.series.sorted() {
		for _, ts := range row.times() {
			p := row.points[ts]
			points = append(points, SeriesPoint{
				row.metric, row.host, row.tags, ts, p.value, p.sent.Type, p.sent.Interval, p.sent.Unit, p.sent,
			})
		}
	}
	return points
}

func (o *org) sketchList() []Sketch {
	var sketches []Sketch
	for _, row := range o.sketches.sorted() {
		for _, ts := range row.times() {
			p := row.points[ts]
			sketches = append(sketches, Sketch{row.metric, row.host, row.tags, ts, p.cnt, p.min, p.max, p.sum, p.bins, p.sent})
		}
	}
	return sketches
}

// Counts returns how many items of an org were kept since the last Reset: a point that overwrites another counts once, as one
// can be read back. Items that a cap evicted later stay counted.
func (in *Intake) Counts(orgID string) Counts {
	o := in.org(orgID)
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.counts
}

// Accepted is Counts with every write counted, so that Accepted minus Counts is what was sent again to the same series and
// second. Logs and spans have no such key; their numbers are equal in both.
func (in *Intake) Accepted(orgID string) Counts {
	o := in.org(orgID)
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.accepted
}

// Dropped lists what was answered with 202 and not kept, or not as it was sent, since the last Reset.
func (in *Intake) Dropped(orgID string) []Drop {
	o := in.org(orgID)
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.drops.list()
}

// Reset forgets what an org sent, with its counts and drops. DropAll stays as it is.
func (in *Intake) Reset(orgID string) {
	o := in.org(orgID)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts, o.accepted, o.drops, o.orgData = Counts{}, Counts{}, nil, newOrgData(o.caps)
	o.signal()
}

// DropAll makes the intakes answer 202 to an org and keep nothing, as a fault for tests of whoever believes the 202.
func (in *Intake) DropAll(orgID string, on bool) {
	o := in.org(orgID)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.discard = on
}

// SetSearchDelay makes items readable only d after they arrived, as Datadog's indexing does. It applies to items that are
// there already. Received and Counts do not wait.
func (in *Intake) SetSearchDelay(d time.Duration) { in.searchDelay.Store(int64(d)) }

// AwaitCounts returns once each number of Counts(orgID) is at least that of want, or with an error that tells the numbers when
// ctx ends.
func (in *Intake) AwaitCounts(ctx context.Context, orgID string, want Counts) error {
	o := in.org(orgID)
	for {
		o.mu.Lock()
		counts, changed := o.counts, o.changed
		o.mu.Unlock()
		if counts.atLeast(want) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("await items of org %s: want at least %+v, have %+v: %w", orgID, want, counts, ctx.Err())
		}
	}
}

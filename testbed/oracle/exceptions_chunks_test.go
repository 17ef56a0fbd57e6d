package oracle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"google.golang.org/protobuf/proto"
)

// maxBody is what the trace intake takes.
const maxBody = 3_200_000

// clientSpans are so many spans with a long text each, of one trace or of one each. Their ids count from 1.
func clientSpans(n int, oneTrace bool) ptrace.Traces {
	d := ptrace.NewTraces()
	rs := d.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("long", longText)
	spans := rs.ScopeSpans().AppendEmpty().Spans()
	for i := range n {
		s := spans.AppendEmpty()
		trace := uint64(1)
		if !oneTrace {
			trace += uint64(i)
		}
		id := idOf(trace)
		s.SetTraceID([16]byte(append(make([]byte, 8), id[:]...)))
		s.SetSpanID(idOf(uint64(i + 1)))
		s.SetName("n")
		s.SetKind(ptrace.SpanKindClient)
		now := time.Now()
		s.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-time.Second)))
		s.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	}
	return d
}

// A chunk that does not fit into a body is sent in parts, which are the spans of Datadog's one chunk in their order.
func TestLargeChunksAreSplit(t *testing.T) {
	t.Parallel()
	w, used := newWorld(t), newExceptions()
	a, err := newTraceAgent(t.Context(), traceModes[0], used)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		spans int
		split bool
	}{{120, false}, {300, true}} {
		d := clientSpans(c.spans, true)
		o, err := w.tracesBothWays(a)(t.Context(), []ptrace.Traces{d})
		if err != nil {
			t.Fatal(err)
		}
		differ := 0
		for _, diff := range o.differences() {
			if diff.field != "chunk spans" || !strings.HasPrefix(diff.group, "span ") {
				t.Errorf("%d spans: %s, %s: ours %.100s theirs %.100s %.200s", c.spans, diff.group, diff.field, diff.ours, diff.theirs, diff.all)
			}
			differ++
		}
		if size := proto.Size(a.sent[0].Chunks[0]); len(a.sent) != 1 || len(a.sent[0].Chunks) != 1 || c.split != (size > maxBody) {
			t.Errorf("%d spans: Datadog's agent sends %d payloads, the first of %d chunks, the first of those of %d bytes", c.spans, len(a.sent), len(a.sent[0].Chunks), size)
		}
		// What comes first is sent first, as a rule; two senders may change that.
		slices.SortFunc(o.ours, func(a, b item) int { return cmp.Compare(numberOf(a), numberOf(b)) })
		var parts []string
		known := make(map[string]bool)
		for _, it := range o.ours {
			if part := it.fields["chunk spans"]; part != "" && !known[part] {
				known[part] = true
				parts = append(parts, part)
			}
		}
		if joined := strings.Join(parts, " "); c.split != (len(parts) > 1) || joined != o.theirs[0].fields["chunk spans"] {
			t.Errorf("%d spans: %d parts: %.200s", c.spans, len(parts), joined)
		}
		if want := map[bool]int{false: 0, true: c.spans}[c.split]; differ != want {
			t.Errorf("%d spans: %d differ, want %d", c.spans, differ, want)
		}
	}
}

// numberOf is the id of a span.
func numberOf(it item) (n int) {
	if _, err := fmt.Sscanf(it.group, "span %d ", &n); err != nil {
		return 0 // a group of stats
	}
	return n
}

// Of a call that becomes more than 256 MiB the end is missing, and nothing else differs.
func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	const spans, bound = 11_500, 256 << 20
	d := []ptrace.Traces{clientSpans(spans, false)}
	w, mode := newWorld(t), traceModes[0]
	// A queue that takes all of it at once.
	mode.ours = settings{"sending_queue": settings{"queue_size": 1 << 30}, "parking": settings{"max_bytes_per_tenant": 1 << 30, "max_bytes": 1 << 30}, "traces": settings{"compute_stats": false}}
	a, err := newTraceAgent(t.Context(), mode, newExceptions())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := a.translate(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	s, err := export(t.Context(), w, createTraces, consumeTraces, mode.settings(), d)
	if err != nil {
		t.Fatal(err)
	}
	ours, sent, smallest := tracesItems(s.Received, ""), make(map[string]bool), maxBody
	for i, span := range s.Spans {
		sent[ours[i].group] = true
		smallest = min(smallest, proto.Size(span.Span))
	}
	// About as many as there is room for: each takes a little more, with what is around it.
	if n := len(ours); n > bound/smallest+1 || n < bound/smallest*98/100 {
		t.Errorf("we send %d spans of %d bytes, want about as many as fit into %d", n, smallest, bound)
	}
	missing := 0
	for _, diff := range (outcome{ours, theirs, s.complaints}).differences() {
		if strings.HasPrefix(diff.group, "stats ") {
			continue // ours are off
		}
		if missing++; diff.field != "missing" {
			t.Errorf("%s, %s: ours %.100s theirs %.100s %.200s", diff.group, diff.field, diff.ours, diff.theirs, diff.all)
		}
	}
	if n := countSpans(theirs); n != spans || len(ours)+missing != spans {
		t.Errorf("they send %d spans, we %d, and %d are missing", n, len(ours), missing)
	}
	for i := range len(ours) {
		if group := fmt.Sprintf("span %d of trace %d", i+1, i+1); !sent[group] {
			t.Errorf("%s is missing, and later ones are not", group)
		}
	}
}

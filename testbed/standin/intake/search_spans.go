package intake

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// searchSpans answers POST /api/v2/spans/events/search. Every span counts as retained.
func (in *Intake) searchSpans(w http.ResponseWriter, r *http.Request, o *org) error {
	var req struct {
		Data struct {
			Type       string        `json:"type"`
			Attributes searchRequest `json:"attributes"`
		} `json:"data"`
	}
	if err := decodeQuery(w, r, &req); err != nil {
		return err
	}
	if req.Data.Type != "search_request" {
		return badRequest("data.type search_request is required")
	}
	p, err := req.Data.Attributes.plan(in.now())
	if err != nil {
		return err
	}
	since := in.visibleSince()
	o.mu.Lock()
	candidates := append([]Span(nil), o.spans.all()...)
	o.mu.Unlock()
	var hits []hit[Span]
	for _, s := range candidates {
		start := time.Unix(0, s.Span.Start)
		if s.Arrived.After(since) || start.Before(p.from) || start.After(p.to) || !p.terms.match(s) {
			continue
		}
		hits = append(hits, hit[Span]{position{s.Span.Start, s.seq}, s})
	}
	items, next := page(p, hits)
	data := make([]map[string]any, len(items))
	for i, s := range items {
		data[i] = map[string]any{"id": strconv.FormatUint(s.seq, 36), "type": "spans", "attributes": s.answer()}
	}
	answerJSON(w, http.StatusOK, searchAnswer(data, next))
	return nil
}

// answer is the span as a search shows it. Ids are decimal, that of the trace by its low 64 bits.
func (s Span) answer() map[string]any {
	attrs := map[string]any{"operation_name": s.Span.Name, "duration": s.Span.Duration, "error": s.Span.Error}
	for k, v := range s.Span.Meta {
		attrs[k] = v
	}
	for k, v := range s.Span.Metrics {
		attrs[k] = v
	}
	return map[string]any{
		"trace_id":         strconv.FormatUint(s.Span.TraceID, 10),
		"span_id":          strconv.FormatUint(s.Span.SpanID, 10),
		"parent_id":        strconv.FormatUint(s.Span.ParentID, 10),
		"service":          s.Span.Service,
		"resource_name":    s.Span.Resource,
		"operation_name":   s.Span.Name,
		"type":             s.Span.Type,
		"env":              s.env(),
		"host":             s.Tracer.Hostname,
		"start_timestamp":  time.Unix(0, s.Span.Start).UTC().Format(time.RFC3339Nano),
		"end_timestamp":    time.Unix(0, s.Span.Start+s.Span.Duration).UTC().Format(time.RFC3339Nano),
		"tags":             s.tags(),
		"attributes":       attrs,
		"ingestion_reason": "otel",
		"retained_by":      "retention_filter",
		"single_span":      false,
	}
}

func (s Span) env() string {
	if s.Tracer.Env != "" {
		return s.Tracer.Env
	}
	return s.Span.Meta["env"]
}

// tags are those of the container and those that Datadog derives from the payload.
func (s Span) tags() []string {
	tags := splitTags(s.Tracer.Tags["_dd.tags.container"])
	for _, t := range [][2]string{{"env", s.env()}, {"service", s.Span.Service}, {"host", s.Tracer.Hostname}, {"version", s.version()}} {
		if t[1] != "" {
			tags = append(tags, t[0]+":"+t[1])
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags)
}

func (s Span) version() string {
	if v := s.Span.Meta["version"]; v != "" {
		return v
	}
	return s.Tracer.AppVersion
}

func (s Span) words() string { return s.Span.Resource }

// values knows the reserved attributes of spans, @attributes from meta and metrics, and tags for any other key.
func (s Span) values(key string, isAttr bool) []string {
	if isAttr {
		if v, ok := s.Span.Meta[key]; ok {
			return []string{v}
		}
		if v, ok := s.Span.Metrics[key]; ok {
			return []string{strconv.FormatFloat(v, 'f', -1, 64)}
		}
		return nil
	}
	switch key {
	case "service":
		return []string{s.Span.Service}
	case "resource_name":
		return []string{s.Span.Resource}
	case "operation_name":
		return []string{s.Span.Name}
	case "env":
		return []string{s.env()}
	case "host":
		return []string{s.Tracer.Hostname}
	case "type":
		return []string{s.Span.Type}
	case "status":
		if s.Span.Error != 0 {
			return []string{"error"}
		}
		return []string{"ok"}
	case "span_id":
		return []string{strconv.FormatUint(s.Span.SpanID, 10), fmt.Sprintf("%016x", s.Span.SpanID)}
	case "trace_id":
		return s.traceIDs()
	}
	return tagValues(s.tags(), key)
}

// traceIDs are the forms in which a trace id is asked for: decimal and hex of the low 64 bits, hex of all 128. The high bits are
// in the tag _dd.p.tid of the chunk's first span or of the chunk.
func (s Span) traceIDs() []string {
	low := fmt.Sprintf("%016x", s.Span.TraceID)
	ids := []string{strconv.FormatUint(s.Span.TraceID, 10), low}
	for _, high := range []string{s.Span.Meta["_dd.p.tid"], s.Chunk.Tags["_dd.p.tid"], s.Chunk.Spans[0].Meta["_dd.p.tid"]} {
		if high != "" {
			return append(ids, high+low)
		}
	}
	return ids
}

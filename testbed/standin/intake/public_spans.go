package intake

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"time"
)

// publicSpansDoor is POST <public span intake>/api/v2/spans. Datadog states no size; the limits are those of the other trace intakes.
var publicSpansDoor = door{
	kind:     KindPublicSpans,
	media:    []string{"text/plain"},
	maxSent:  maxTracesBody,
	maxPlain: maxTracesBody,
	refuse:   answerErrors,
	store:    storePublicSpans,
}

// maxPublicAttributes is how many members under meta. and metrics. Datadog's SDKs put on a span.
const maxPublicAttributes = 128

// PublicSpan is one span of the public span intake.
type PublicSpan struct {
	TraceID, SpanID, ParentID     string // hexadecimal, the low 64 bits
	Name, Service, Resource, Type string
	Start, Duration               int64 // ns
	Error                         bool
	Meta                          map[string]any // texts, numbers and booleans
	Metrics                       map[string]float64
	Env                           string // of its envelope
	Arrived                       time.Time
}

// publicFields are the members that each span must have, in the order of publicSpan's switch.
var publicFields = []string{"trace_id", "span_id", "parent_id", "name", "service", "resource", "type", "start", "duration", "error"}

// storePublicSpans takes one envelope a line: {"spans":[…],"env":"…"}.
func storePublicSpans(c *call) (any, error) {
	var spans []PublicSpan
	for i, line := range bytes.Split(c.body, []byte("\n")) {
		var e struct {
			Spans []json.RawMessage `json:"spans"`
			Env   *string           `json:"env"`
		}
		if err := decodeStrict(line, &e); err != nil {
			return nil, badRequest("line %d: %v", i, err)
		}
		if len(e.Spans) == 0 || e.Env == nil {
			return nil, badRequest("line %d: spans and env are required", i)
		}
		for _, raw := range e.Spans {
			s, err := publicSpan(raw)
			if err != nil {
				return nil, badRequest("line %d: %v", i, err)
			}
			s.Env, s.Arrived = *e.Env, c.now
			spans = append(spans, s)
		}
	}
	c.org.write(KindPublicSpans, len(spans), func() {
		for _, s := range spans {
			keep(c.org, KindPublicSpans, &c.org.publicSpans, c.org.caps.Spans, s)
		}
		c.org.counts.PublicSpans += len(spans)
		c.org.accepted.PublicSpans += len(spans)
	})
	return nil, nil
}

var (
	idOfSpan = regexp.MustCompile("^[0-9a-f]{1,16}$")
	noID     = regexp.MustCompile("^0+$")
)

// publicSpan reads a span that json.Unmarshal took as valid JSON.
func publicSpan(raw []byte) (PublicSpan, error) {
	s := PublicSpan{Meta: map[string]any{}, Metrics: map[string]float64{}}
	if raw[0] != '{' {
		return s, badRequest("a span is no object")
	}
	seen := map[string]bool{}
	var fault error
	jsonMembers(raw, func(key, value []byte) {
		name := jsonText(key)
		err := s.set(name, value)
		if err == nil && seen[name] {
			err = badRequest("%.100q occurs twice", name)
		}
		if seen[name] = true; fault == nil {
			fault = err
		}
	})
	for _, name := range publicFields {
		if !seen[name] && fault == nil {
			fault = badRequest("a span without %s", name)
		}
	}
	switch {
	case fault != nil:
		return s, fault
	case !idOfSpan.MatchString(s.TraceID) || !idOfSpan.MatchString(s.SpanID) || !idOfSpan.MatchString(s.ParentID) || noID.MatchString(s.TraceID) || noID.MatchString(s.SpanID):
		return s, badRequest("ids %.50q, %.50q, %.50q", s.TraceID, s.SpanID, s.ParentID)
	case s.Name == "" || s.Service == "" || s.Resource == "" || s.Type == "":
		return s, badRequest("name %.100q, service %.100q, resource %.100q, type %.100q; none may be empty", s.Name, s.Service, s.Resource, s.Type)
	case s.Start <= 0 || s.Duration < 0:
		return s, badRequest("start %d ns, duration %d ns", s.Start, s.Duration)
	case len(s.Meta)+len(s.Metrics) > maxPublicAttributes:
		return s, badRequest("%d attributes; the limit is %d", len(s.Meta)+len(s.Metrics), maxPublicAttributes)
	}
	return s, nil
}

// set reads one member. Only meta.device and meta.os may be objects.
func (s *PublicSpan) set(name string, value []byte) error {
	into := func(v any) error {
		if err := json.Unmarshal(value, v); err != nil || bytes.Equal(value, []byte("null")) {
			return badRequest("%.100q is %.100q", name, value)
		}
		return nil
	}
	switch name {
	case "trace_id":
		return into(&s.TraceID)
	case "span_id":
		return into(&s.SpanID)
	case "parent_id":
		return into(&s.ParentID)
	case "name":
		return into(&s.Name)
	case "service":
		return into(&s.Service)
	case "resource":
		return into(&s.Resource)
	case "type":
		return into(&s.Type)
	case "start":
		return into(&s.Start)
	case "duration":
		return into(&s.Duration)
	case "error":
		var n int
		err := into(&n)
		if s.Error = n == 1; err == nil && n != 0 && n != 1 {
			err = badRequest("error is %d", n)
		}
		return err
	}
	if key, ok := strings.CutPrefix(name, "metrics."); ok && key != "" {
		var n float64
		err := into(&n)
		s.Metrics[key] = n
		return err
	}
	key, ok := strings.CutPrefix(name, "meta.")
	if !ok || key == "" {
		return badRequest("a span with the member %.100q", name)
	}
	object := key == "device" || key == "os"
	if (value[0] == '{') != object || value[0] == '[' {
		return badRequest("%.100q is %.100q", name, value)
	}
	var v any
	err := into(&v)
	s.Meta[key] = v
	return err
}

package intake

import (
	"net/http"
	"strconv"
	"strings"
)

const timeFormat = "2006-01-02T15:04:05.000Z"

// searchLogs answers POST /api/v2/logs/events/search. Indexes and storage tiers are not told apart.
func (in *Intake) searchLogs(w http.ResponseWriter, r *http.Request, o *org) error {
	var req searchRequest
	if err := decodeQuery(w, r, &req); err != nil {
		return err
	}
	p, err := req.plan(in.now())
	if err != nil {
		return err
	}
	since := in.visibleSince()
	o.mu.Lock()
	// Items are never changed once stored, so a copy of the list is enough.
	candidates := append([]*logItem(nil), o.logs.all()...)
	o.mu.Unlock()
	var hits []hit[*logItem]
	for _, l := range candidates {
		if l.arrived.After(since) || l.at.Before(p.from) || l.at.After(p.to) {
			continue
		}
		if len(p.terms) == 0 || p.terms.match(l.view()) {
			hits = append(hits, hit[*logItem]{position{l.at.UnixNano(), l.seq}, l})
		}
	}
	items, next := page(p, hits)
	data := make([]map[string]any, len(items))
	for i, l := range items {
		v := l.view()
		data[i] = map[string]any{"id": strconv.FormatUint(l.seq, 36), "type": "log", "attributes": map[string]any{
			"timestamp": v.Time.UTC().Format(timeFormat), "status": v.Status, "service": v.Service, "host": v.Host,
			"message": v.Message, "tags": v.Tags, "attributes": v.Attributes,
		}}
	}
	answerJSON(w, http.StatusOK, searchAnswer(data, next))
	return nil
}

func (l Log) words() string { return l.Message }

// values knows the reserved attributes, @attributes, and tags for any other key.
func (l Log) values(key string, isAttr bool) []string {
	if isAttr {
		return attributeValues(l.Attributes, key)
	}
	switch key {
	case "service":
		return []string{l.Service}
	case "host":
		return []string{l.Host}
	case "status":
		return []string{l.Status}
	case "source":
		return []string{l.Source}
	case "trace_id":
		return append(attributeValues(l.Attributes, "dd.trace_id"), attributeValues(l.Attributes, "otel.trace_id")...)
	}
	return tagValues(l.Tags, key)
}

// tagValues returns what follows "key:" in tags. Keys are compared without case: Datadog keeps them in lower case.
func tagValues(tags []string, key string) (values []string) {
	for _, tag := range tags {
		if k, v, ok := strings.Cut(tag, ":"); ok && strings.EqualFold(k, key) {
			values = append(values, v)
		}
	}
	return values
}

// attributeValues follows a dotted path. A key that holds dots itself is found as well, and so is each element of a list.
func attributeValues(attrs map[string]any, path string) (values []string) {
	switch v := attrs[path].(type) {
	case nil:
	case []any:
		for _, e := range v {
			values = append(values, textOf(e))
		}
	default:
		values = append(values, textOf(v))
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if inner, ok := attrs[path[:i]].(map[string]any); ok {
			values = append(values, attributeValues(inner, path[i+1:])...)
		}
	}
	return values
}

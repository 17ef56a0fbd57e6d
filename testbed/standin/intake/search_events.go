package intake

import (
	"net/http"
	"strconv"
	"time"
)

// searchEvents answers POST /api/v2/events/search, which finds the events of the v1 API too.
func (in *Intake) searchEvents(w http.ResponseWriter, r *http.Request, o *org) error {
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
	candidates := append([]Event(nil), o.events.all()...)
	o.mu.Unlock()
	var hits []hit[Event]
	for _, e := range candidates {
		happened := time.Unix(e.DateHappened, 0)
		if e.Arrived.After(since) || happened.Before(p.from) || happened.After(p.to) || !p.terms.match(e) {
			continue
		}
		hits = append(hits, hit[Event]{position{happened.UnixNano(), uint64(e.ID)}, e})
	}
	items, next := page(p, hits)
	data := make([]map[string]any, len(items))
	for i, e := range items {
		data[i] = map[string]any{"id": strconv.FormatInt(e.ID, 36), "type": "event", "attributes": map[string]any{
			"timestamp": time.Unix(e.DateHappened, 0).UTC().Format(timeFormat), "message": e.Text, "tags": e.Tags,
			"attributes": map[string]any{
				"title": e.Title, "aggregation_key": e.AggregationKey, "priority": e.Priority, "status": e.AlertType, "hostname": e.Host,
				"evt": map[string]any{"id": e.IDText}, "timestamp": e.DateHappened * 1000,
			},
		}}
	}
	answerJSON(w, http.StatusOK, searchAnswer(data, next))
	return nil
}

func (e Event) words() string { return e.Title + " " + e.Text }

// values knows the host, the source, and tags for any other key.
func (e Event) values(key string, isAttr bool) []string {
	switch {
	case isAttr:
		return nil
	case key == "host":
		return []string{e.Host}
	case key == "source":
		return []string{e.SourceTypeName}
	case key == "tags": // the older syntax, tags:key:value
		return e.Tags
	default:
		return tagValues(e.Tags, key)
	}
}

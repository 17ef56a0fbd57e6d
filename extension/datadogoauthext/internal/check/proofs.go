package check

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// plan is when marked data is looked for. Datadog publishes no figures: these are ours, below its rate limits.
type plan struct{ first, every, giveUp time.Duration }

// proof is a kind of data and what reads it back.
type proof struct {
	kind     credential.ProbeKind
	id, what string
	plan     plan
	readers  []reader // the better one first
}

// reader is one way of reading marked data back. look says what it saw; found is false where it is not there yet.
type reader struct {
	scope, call string
	look        func(ctx context.Context, a *api, id string, w credential.ProbeWrite) (found bool, saw string, err error)
}

const (
	queryPoints  = "/api/v2/query/timeseries"
	searchLogs   = "/api/v2/logs/events/search"
	searchSpans  = "/api/v2/spans/events/search"
	searchEvents = "/api/v2/events/search"
)

var pointReaders = []reader{
	{"timeseries_query", "POST " + queryPoints, lookForPoint},
	{"metrics_read", "GET /api/v2/metrics/…/all-tags", lookForMetric},
}

// proofs are in the order of the report.
var proofs = []proof{
	{credential.ProbeMetric, "step5.metric", "A metric is sent and read back", plan{10 * time.Second, 10 * time.Second, 3 * time.Minute},
		pointReaders},
	{credential.ProbeDistribution, "step5.distribution", "A distribution is sent and read back", plan{10 * time.Second, 10 * time.Second, 3 * time.Minute},
		pointReaders},
	{credential.ProbeLog, "step5.log", "A log is sent and read back", plan{10 * time.Second, 15 * time.Second, 3 * time.Minute},
		[]reader{{"logs_read_data", "POST " + searchLogs, lookForLog}}},
	{credential.ProbeSpan, "step5.span", "A span is sent and read back", plan{30 * time.Second, time.Minute, 10 * time.Minute},
		[]reader{{"apm_read", "POST " + searchSpans, lookForSpan}}},
	{credential.ProbeEvent, "step5.event", "An event is sent and read back", plan{5 * time.Second, 10 * time.Second, 2 * time.Minute},
		[]reader{{"events_read", "POST " + searchEvents, lookForEvent}}},
	{credential.ProbeServiceCheck, "step5.service_check", "A service check is sent", plan{}, nil},
}

// within shortens a plan to a bound.
func (p plan) within(most time.Duration) plan {
	p.giveUp = min(p.giveUp, most)
	p.first, p.every = min(p.first, p.giveUp/5), min(p.every, p.giveUp/5)
	return p
}

// lookForPoint compares the value, which is also the average of a distribution with one observation. Tags are lower-case hexadecimal, so that cleaning leaves them as they are.
//
// https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-data-across-multiple-products
func lookForPoint(ctx context.Context, a *api, id string, w credential.ProbeWrite) (bool, string, error) {
	at := orNow(w.At)
	var answer struct {
		Data struct {
			Attributes struct {
				Values [][]*float64 `json:"values"`
			} `json:"attributes"`
		} `json:"data"`
	}
	err := a.call(ctx, http.MethodPost, queryPoints, map[string]any{"data": map[string]any{
		"type": "timeseries_request",
		"attributes": map[string]any{
			"from": at.Add(-2 * time.Minute).UnixMilli(), "to": at.Add(2 * time.Minute).UnixMilli(),
			"queries":  []any{map[string]string{"data_source": "metrics", "query": "avg:" + orWord(w.Name) + "{" + credential.ProbeTag + ":" + id + "}", "name": "a"}},
			"formulas": []any{map[string]string{"formula": "a"}},
		},
	}}, &answer)
	if err != nil {
		return false, "", err
	}
	for _, v := range slices.Concat(answer.Data.Attributes.Values...) {
		if v != nil && math.Abs(*v-w.Value) < 1e-6 {
			return true, fmt.Sprintf("POST %s answered the value %g, as sent", queryPoints, *v), nil
		}
	}
	return false, "", nil
}

// lookForMetric finds the name and the tag, and no value.
func lookForMetric(ctx context.Context, a *api, id string, w credential.ProbeWrite) (bool, string, error) {
	var answer struct {
		Data struct {
			Attributes struct {
				Tags []string `json:"tags"`
			} `json:"attributes"`
		} `json:"data"`
	}
	err := a.call(ctx, http.MethodGet, "/api/v2/metrics/"+url.PathEscape(orWord(w.Name))+"/all-tags", nil, &answer)
	if statusOf(err) == http.StatusNotFound { // it is not listed yet
		return false, "", nil
	}
	if err != nil || !slices.Contains(answer.Data.Attributes.Tags, credential.ProbeTag+":"+id) {
		return false, "", err
	}
	return true, "GET /api/v2/metrics/…/all-tags lists its name and tag; its value is read with timeseries_query", nil
}

// search is the body that the searches of logs, spans and events share.
func search(query string) map[string]any {
	return map[string]any{"filter": map[string]string{"query": query, "from": "now-30m", "to": "now"}, "page": map[string]int{"limit": 10}, "sort": "-timestamp"}
}

// hits counts what a search found.
func hits(ctx context.Context, a *api, path string, body any) (int, error) {
	var answer struct {
		Data []struct{} `json:"data"`
	}
	err := a.call(ctx, http.MethodPost, path, body, &answer)
	return len(answer.Data), err
}

// lookForLog looks for the attribute, or for the tag that an organisation's pipeline may have made of it.
func lookForLog(ctx context.Context, a *api, id string, _ credential.ProbeWrite) (bool, string, error) {
	for _, query := range []string{"@" + credential.ProbeTag + ":" + id, credential.ProbeTag + ":" + id} {
		if n, err := hits(ctx, a, searchLogs, search(query)); n > 0 || err != nil {
			return n > 0, "POST " + searchLogs + " found it by " + query, err
		}
	}
	return false, "", nil
}

func lookForEvent(ctx context.Context, a *api, id string, _ credential.ProbeWrite) (bool, string, error) {
	query := credential.ProbeTag + ":" + id
	n, err := hits(ctx, a, searchEvents, search(query))
	return n > 0, "POST " + searchEvents + " found it by " + query, err
}

// lookForSpan searches what is indexed; the trace itself can be read before, by an endpoint that is a preview. What that one refuses is
// no word on the scope.
func lookForSpan(ctx context.Context, a *api, id string, w credential.ProbeWrite) (bool, string, error) {
	query := "@" + credential.ProbeTag + ":" + id
	n, err := hits(ctx, a, searchSpans, map[string]any{"data": map[string]any{"type": "search_request", "attributes": search(query)}})
	if n > 0 || err != nil {
		return n > 0, "POST " + searchSpans + " found it by " + query, err
	}
	if w.TraceID == "" {
		return false, "", nil
	}
	if a.call(ctx, http.MethodGet, "/api/v2/trace/"+url.PathEscape(w.TraceID), nil, nil) == nil {
		return true, "GET /api/v2/trace/" + w.TraceID + " has its trace; it is not indexed yet", nil
	}
	return false, "", nil
}

func orNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t
}

// orWord stands in for the name of an item that was not sent, where a call is made for the sake of its scope.
func orWord(name string) string {
	if name == "" {
		return "datadogoauth.probe"
	}
	return name
}

// lists are calls that prove a scope without marked data.
var lists = map[string]string{
	"monitors_read":          "/api/v1/monitor?page=0&page_size=1",
	"hosts_read":             "/api/v1/hosts?count=1",
	"incident_read":          "/api/v2/incidents/search?" + url.Values{"query": {"state:active"}, "page[size]": {strconv.Itoa(1)}}.Encode(),
	"incident_settings_read": "/api/v2/incidents/config/types",
}

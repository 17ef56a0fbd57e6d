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
	// doubt is what speaks against taking it for lost when it is not found, or empty. Where there is some the line fails only when the whole plan ran
	// out, and the step passes if it is not tested.
	doubt string
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
	{
		kind: credential.ProbeMetric, id: "step5.metric", what: "A metric is sent and read back",
		plan: plan{10 * time.Second, 10 * time.Second, 3 * time.Minute}, readers: pointReaders,
	},
	{
		kind: credential.ProbeDistribution, id: "step5.distribution", what: "A distribution is sent and read back",
		plan: plan{10 * time.Second, 10 * time.Second, 3 * time.Minute}, readers: pointReaders,
	},
	{
		kind: credential.ProbeLog, id: "step5.log", what: "A log is sent and read back",
		plan: plan{10 * time.Second, 15 * time.Second, 3 * time.Minute}, readers: []reader{{"logs_read_data", "POST " + searchLogs, lookForLog}},
	},
	{
		kind: credential.ProbeSpan, id: "step5.span", what: "A span is sent and read back",
		plan: plan{30 * time.Second, time.Minute, 10 * time.Minute}, readers: []reader{{"apm_read", "POST " + searchSpans, lookForSpan}},
	},
	{
		kind: credential.ProbeStats, id: "step5.stats", what: "APM stats are sent and read back as hits",
		plan: plan{30 * time.Second, 30 * time.Second, 10 * time.Minute}, readers: []reader{{"timeseries_query", "POST " + queryPoints, lookForHits}},
		doubt: "Datadog documents the metric and its tag version, but not how soon it has either, nor what an organisation without APM has",
	},
	{
		kind: credential.ProbeEvent, id: "step5.event", what: "An event is sent and read back",
		plan: plan{5 * time.Second, 10 * time.Second, 2 * time.Minute}, readers: []reader{{"events_read", "POST " + searchEvents, lookForEvent}},
	},
	{kind: credential.ProbeServiceCheck, id: "step5.service_check", what: "A service check is sent"},
}

// within shortens a plan to a bound.
func (p plan) within(most time.Duration) plan {
	p.giveUp = min(p.giveUp, most)
	p.first, p.every = min(p.first, p.giveUp/5), min(p.every, p.giveUp/5)
	return p
}

// lookForPoint compares the value, which is also the average of a distribution with one observation. Tags are lower-case hexadecimal, so that
// cleaning leaves them as they are.
func lookForPoint(ctx context.Context, a *api, id string, w credential.ProbeWrite) (bool, string, error) {
	values, err := points(ctx, a, w.At, "avg:"+orWord(w.Name)+"{"+credential.ProbeTag+":"+id+"}")
	for _, v := range values {
		if math.Abs(v-w.Value) < 1e-6 {
			return true, fmt.Sprintf("POST %s answered the value %g, as sent", queryPoints, v), nil
		}
	}
	return false, "", err
}

// lookForHits finds the metric that Datadog makes of APM stats by the version, which is the id and nobody else's. Any number of hits will do.
//
// https://docs.datadoghq.com/tracing/metrics/metrics_namespace/
func lookForHits(ctx context.Context, a *api, id string, w credential.ProbeWrite) (bool, string, error) {
	values, err := points(ctx, a, w.At, "sum:trace."+orWord(w.Name)+".hits{version:"+id+"}.as_count()")
	for _, v := range values {
		if v > 0 {
			return true, fmt.Sprintf("POST %s counts hits of version %s: %g", queryPoints, id, v), nil
		}
	}
	return false, "", err
}

// points are the values that a query of metrics has within two minutes of a moment.
//
// https://docs.datadoghq.com/api/latest/metrics/#query-timeseries-data-across-multiple-products
func points(ctx context.Context, a *api, at time.Time, query string) (values []float64, err error) {
	at = orNow(at)
	var answer struct {
		Data struct {
			Attributes struct {
				Values [][]*float64 `json:"values"`
			} `json:"attributes"`
		} `json:"data"`
	}
	err = a.call(ctx, http.MethodPost, queryPoints, map[string]any{"data": map[string]any{
		"type": "timeseries_request",
		"attributes": map[string]any{
			"from": at.Add(-2 * time.Minute).UnixMilli(), "to": at.Add(2 * time.Minute).UnixMilli(),
			"queries":  []any{map[string]string{"data_source": "metrics", "query": query, "name": "a"}},
			"formulas": []any{map[string]string{"formula": "a"}},
		},
	}}, &answer)
	if err != nil {
		return nil, err
	}
	for _, v := range slices.Concat(answer.Data.Attributes.Values...) {
		if v != nil {
			values = append(values, *v)
		}
	}
	return values, nil
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

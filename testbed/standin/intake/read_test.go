package intake_test

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/DataDog/agent-payload/v5/gogen"
	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

func TestReadingNeedsTokenAndScope(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, e := range []struct{ method, path string }{
		{"POST", "/api/v2/query/timeseries"}, {"GET", "/api/v1/query"}, {"GET", "/api/v1/metrics"}, {"GET", "/api/v2/metrics/a/all-tags"},
		{"POST", "/api/v2/logs/events/search"}, {"POST", "/api/v2/spans/events/search"}, {"GET", "/api/v1/events/1"},
		{"GET", "/api/v2/incidents/search"}, {"GET", "/api/v2/incidents/x"}, {"POST", "/api/v2/incidents"}, {"PATCH", "/api/v2/incidents/x"},
		{"GET", "/api/v2/incidents/config/types"}, {"POST", "/api/v2/events/search"}, {"GET", "/api/v2/trace/1"}, {"GET", "/api/v1/monitor"}, {"GET", "/api/v1/hosts"},
	} {
		for _, c := range []struct {
			name   string
			hs     headers
			status int
			answer string
		}{
			{"the API key only", nil, 401, `{"errors":["Unauthorized"]}`},
			{"an unknown token", headers{"Authorization": "Bearer what"}, 401, `{"errors":["Unauthorized"]}`},
			{"another site", headers{"Authorization": "Bearer all", "X-Site": siteUS}, 401, `{"errors":["Unauthorized"]}`},
			{"no scope", headers{"Authorization": "Bearer none"}, 403, `{"errors":["Forbidden","Failed permission authorization checks"]}`},
		} {
			status, answer := h.send(e.method, "api", e.path, c.hs, []byte("{}"))
			if status != c.status || answer != c.answer {
				t.Errorf("%s %s with %s: %d %s", e.method, e.path, c.name, status, answer)
			}
		}
	}
}

func TestMetricsAreReadBack(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	send := func(ts int64, value float64, edit func(*gogen.MetricPayload_MetricSeries)) {
		h.post("api", "/api/v2/series", typeProto, seriesBody(func(s *gogen.MetricPayload_MetricSeries) {
			s.Points[0].Timestamp, s.Points[0].Value = ts, value
			if edit != nil {
				edit(s)
			}
		}))
	}
	send(now0, 4, nil)
	send(now0-5, 10, nil)
	send(now0, 8, func(s *gogen.MetricPayload_MetricSeries) { s.Resources[0].Name = "web-2" })
	send(now0, 30, func(s *gogen.MetricPayload_MetricSeries) { s.Metric, s.Type = "hits", gogen.MetricPayload_COUNT })
	send(now0, 3, func(s *gogen.MetricPayload_MetricSeries) {
		s.Metric, s.Type, s.Interval = "rps", gogen.MetricPayload_RATE, 20
	})
	h.post("api", "/api/beta/sketches", typeProto, sketchBody(nil))
	h.post("traces", "/api/v0.2/stats", "application/msgpack", statsBody(nil))
	h.post("traces", "/api/v0.2/stats", "application/msgpack", statsBody(func(p *pb.StatsPayload) {
		p.Stats[0].Version, p.Stats[0].Stats[0].Stats[0].Resource, p.Stats[0].Stats[0].Stats[0].Hits = "0a1", "GET /cart", 2
	}))

	for query, want := range map[string][][2]float64{
		"a.b{*}":                                 {{now0 - 5, 10}, {now0, 6}},
		"sum:a.b{env:prod,team:core}":            {{now0 - 5, 10}, {now0, 12}},
		"max:a.b{host:web-1}":                    {{now0 - 5, 10}, {now0, 4}},
		"min:a.b{Team:CORE}":                     {{now0 - 5, 10}, {now0, 4}},
		"count:a.b{*}":                           {{now0 - 5, 1}, {now0, 2}},
		"sum:a.b{env:test}":                      {},
		"sum:hits{*}":                            {{now0, 3}}, // per second of the assumed interval
		"sum:hits{*}.as_count()":                 {{now0, 30}},
		"sum:rps{*}":                             {{now0, 3}},
		"sum:rps{*}.as_count()":                  {{now0, 60}},
		"avg:lat{*}":                             {{now0, 3}},
		"sum:lat{env:prod}":                      {{now0, 9}},
		"max:lat{*}":                             {{now0, 5}},
		"count:lat{*}":                           {{now0, 3}},
		"sum:nothing.of.that.name{*}.as_count()": {},

		"sum:trace.http.server.hits{*}.as_count()":                   {{now0, 6}},
		"sum:trace.http.server.hits{version:0a1}.as_count()":         {{now0, 2}},
		"sum:trace.http.server.hits{version:0a1}":                    {{now0, 0.2}}, // per second of the bucket
		"sum:trace.http.server.hits{version:0a}.as_count()":          {},
		"sum:trace.http.server.hits{env:dev}.as_count()":             {},
		"sum:trace.http.hits{*}.as_count()":                          {},
		"sum:trace.http.server.errors{*}.as_count()":                 {},
		"sum:trace.http.server.hits{service:shop}.as_count()":        {{now0, 6}},
		"sum:trace.http.server.hits{env:prod,host:web-1}.as_count()": {{now0, 6}},
		"sum:trace.http.server.hits{resource_name:get_/cart}":        {{now0, 0.2}},
	} {
		got := [][2]float64{}
		v1 := h.read("GET", fmt.Sprintf("/api/v1/query?from=%d&to=%d&query=%s", now0-60, now0+1, url.QueryEscape(query)), "")
		points, _ := at(v1, "series", 0, "pointlist").([]any)
		for i := range points {
			got = append(got, [2]float64{at(points, i, 0).(float64) / 1000, at(points, i, 1).(float64)})
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("v1 %s: %v, want %v", query, got, want)
		}
		got = [][2]float64{}
		v2 := h.read("POST", "/api/v2/query/timeseries", timeseriesBody((now0-60)*1000, (now0+1)*1000, query))
		times, _ := at(v2, "data", "attributes", "times").([]any)
		for i := range times {
			got = append(got, [2]float64{times[i].(float64) / 1000, at(v2, "data", "attributes", "values", 0, i).(float64)})
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("v2 %s: %v, want %v", query, got, want)
		}
	}

	two := h.read("POST", "/api/v2/query/timeseries", timeseriesBody((now0-60)*1000, (now0+1)*1000, "nothing{*}", "a.b{*}", "hits{*}.as_count()"))
	values := at(two, "data", "attributes", "values")
	if at(values, 0, 0) != 10.0 || at(values, 1, 0) != nil || at(values, 1, 1) != 30.0 ||
		at(two, "data", "attributes", "series", 0, "query_index") != 1.0 {
		t.Errorf("two queries: %v", two)
	}
	if v := h.read("POST", "/api/v2/query/timeseries", timeseriesBody((now0-60)*1000, now0*1000, "a.b{*}")); at(v, "data", "attributes", "times", 1) != nil {
		t.Errorf("to is not exclusive: %v", v)
	}
	if v := h.read("POST", "/api/v2/query/timeseries", timeseriesBody(now0-60, now0+1, "a.b{*}")); at(v, "data", "attributes", "times", 0) != nil {
		t.Errorf("seconds were taken for milliseconds: %v", v)
	}

	tags := h.read("GET", "/api/v2/metrics/a.b/all-tags", "")
	if got := at(tags, "data", "attributes", "tags"); !reflect.DeepEqual(got, []any{"env:prod", "host:web-1", "host:web-2", "team:core"}) {
		t.Errorf("tags %v", got)
	}
	names := h.read("GET", fmt.Sprintf("/api/v1/metrics?from=%d", now0), "")
	if got := at(names, "metrics"); !reflect.DeepEqual(got, []any{"a.b", "hits", "lat", "rps"}) {
		t.Errorf("metrics %v", got)
	}
	if status, _ := h.send("GET", "api", "/api/v2/metrics/unknown/all-tags", headers{"Authorization": "Bearer all"}, nil); status != 404 {
		t.Errorf("tags of an unknown metric: %d", status)
	}
}

func timeseriesBody(from, to int64, queries ...string) string {
	list := make([]string, len(queries))
	for i, q := range queries {
		list[i] = fmt.Sprintf(`{"data_source":"metrics","query":%q,"name":"q%d"}`, q, i)
	}
	return fmt.Sprintf(`{"data":{"type":"timeseries_request","attributes":{"from":%d,"to":%d,"queries":[%s]}}}`, from, to, strings.Join(list, ","))
}

func TestQueriesThatAreNotUnderstoodAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	refused := func(method, path, body string) {
		t.Helper()
		status, answer := h.send(method, "api", path, headers{"Authorization": "Bearer all"}, []byte(body))
		if status != 400 || !strings.HasPrefix(answer, `{"errors":["`) {
			t.Errorf("%s %s %s: %d %s", method, path, body, status, answer)
		}
	}
	for _, q := range []string{"", "a.b", "a.b{", "p95:a.b{*}", "avg:9a{*}", "avg:a-b{*}", "a.b{!env:prod}", "a.b{}", "a.b{*} by {host}", "a.b{*}.rollup(sum)", "a.b{env:prod OR env:x}"} {
		refused("GET", "/api/v1/query?from=0&to=1&query="+url.QueryEscape(q), "")
		refused("POST", "/api/v2/query/timeseries", timeseriesBody(0, 1, q))
	}
	refused("GET", "/api/v1/query?from=x&to=1&query=a{*}", "")
	refused("GET", "/api/v1/metrics", "")
	refused("GET", "/api/v1/events/x", "")
	refused("POST", "/api/v2/query/timeseries", `{"data":{"type":"timeseries_request"}}`)
	refused("POST", "/api/v2/query/timeseries", strings.Replace(timeseriesBody(0, 1, "a{*}"), `"metrics"`, `"logs"`, 1))
	refused("POST", "/api/v2/query/timeseries", strings.Replace(timeseriesBody(0, 1, "a{*}"), `"queries"`, `"formulas":[{"formula":"q0*2"}],"queries"`, 1))
	for _, q := range []string{"a OR b", "(a)", "n:[1 TO 2]", "n:>1", `"open`, "@a", "env:", "NOT"} {
		refused("POST", "/api/v2/logs/events/search", fmt.Sprintf(`{"filter":{"query":%q}}`, q))
	}
	for _, body := range []string{
		``, `{"filter":{"from":"yesterday"}}`, `{"filter":{"to":"now-15y"}}`, `{"sort":"up"}`, `{"page":{"limit":0}}`, `{"page":{"limit":1001}}`, `{"page":{"cursor":"?"}}`,
	} {
		refused("POST", "/api/v2/logs/events/search", body)
	}
	refused("POST", "/api/v2/spans/events/search", `{"data":{"attributes":{}}}`)
}

func TestLogsAreFound(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.post("logs", "/api/v2/logs", typeJSON, fmt.Appendf(nil, `[
		{"message":"{\"message\":\"Cart is empty\",\"http\":{\"code\":500},\"a.b\":\"dot\",\"dd.trace_id\":\"42\"}","service":"shop","hostname":"web-1","status":"error","ddsource":"otlp","ddtags":"env:prod,probe:0a1","timestamp":%[1]d},
		{"message":"second","service":"mail box","ddtags":"env:dev","flag":true,"list":["x","y"],"timestamp":%[2]d},
		{"message":"future","timestamp":%[3]d}]`, int64(now0-60)*1000, int64(now0-120)*1000, int64(now0+60)*1000))
	for query, want := range map[string]string{
		"":                         "Cart is empty|second",
		"*":                        "Cart is empty|second",
		"service:shop":             "Cart is empty",
		`service:"mail box"`:       "second",
		"service:sh*":              "Cart is empty",
		"service:*o*":              "Cart is empty|second",
		"host:web-1 status:error":  "Cart is empty",
		"source:otlp AND env:prod": "Cart is empty",
		"-env:prod":                "second",
		"NOT env:prod":             "second",
		"env:prod -status:error":   "",
		"probe:0a1":                "Cart is empty",
		"ENV:Prod":                 "Cart is empty",
		"@http.code:500":           "Cart is empty",
		"@http.code:50":            "",
		"@a.b:dot":                 "Cart is empty",
		"@flag:true":               "second",
		"@list:y":                  "second",
		"@env:prod":                "",
		"trace_id:42":              "Cart is empty",
		"cart":                     "Cart is empty",
		`"is empty"`:               "Cart is empty",
		"cart second":              "",
		`service:mail\ box`:        "second",
		"status:info":              "second",
	} {
		got := strings.Join(logMessages(h, fmt.Sprintf(`{"filter":{"query":%q}}`, query)), "|")
		if got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for filter, want := range map[string]string{
		`"to":"now+1h"`:    "future|Cart is empty|second",
		`"from":"now-90s"`: "Cart is empty",
		fmt.Sprintf(`"from":"%d","to":"%d"`, (now0-120)*1000, (now0-120)*1000): "second",
		`"from":"2027-01-15T07:58:30Z"`:                                        "Cart is empty",
	} {
		if got := strings.Join(logMessages(h, `{"filter":{`+filter+`}}`), "|"); got != want {
			t.Errorf("%s: %q, want %q", filter, got, want)
		}
	}
	found := h.read("POST", "/api/v2/logs/events/search", `{"filter":{"query":"service:shop"}}`)
	attrs := at(found, "data", 0, "attributes")
	if at(attrs, "timestamp") != "2027-01-15T07:59:00.000Z" || at(attrs, "host") != "web-1" || at(attrs, "tags", 0) != "env:prod" ||
		at(attrs, "attributes", "http", "code") != 500.0 || at(attrs, "status") != "error" || at(found, "data", 0, "type") != "log" {
		t.Errorf("found %v", found)
	}
}

func logMessages(h *harness, body string) []string {
	h.t.Helper()
	var messages []string
	data, _ := h.read("POST", "/api/v2/logs/events/search", body)["data"].([]any)
	for i := range data {
		messages = append(messages, at(data, i, "attributes", "message").(string))
	}
	return messages
}

// A page begins after the last item of the one before, whatever arrives in between.
func TestSearchPages(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var items []string
	for i := range 25 {
		// Several logs share a millisecond.
		items = append(items, fmt.Sprintf(`{"message":"%02d","timestamp":%d}`, i, int64(now0)*1000-int64(i/3)))
	}
	h.post("logs", "/api/v2/logs", typeJSON, []byte("["+strings.Join(items, ",")+"]"))
	for _, sort := range []string{"timestamp", "-timestamp"} {
		seen, cursor, pages := map[string]bool{}, "", 0
		for more := true; more; pages++ {
			v := h.read("POST", "/api/v2/logs/events/search", fmt.Sprintf(`{"sort":%q,"page":{"limit":10,"cursor":%q}}`, sort, cursor))
			data, _ := v["data"].([]any)
			for i := range data {
				seen[at(data, i, "attributes", "message").(string)] = true
			}
			cursor, more = at(v, "meta", "page", "after").(string)
			if pages == 0 {
				h.post("logs", "/api/v2/logs", typeJSON, fmt.Appendf(nil, `{"message":"late %s","timestamp":%d}`, sort, now0*1000+1))
			}
		}
		for i := range items {
			if !seen[fmt.Sprintf("%02d", i)] {
				t.Errorf("sorted by %s: log %d is on no page", sort, i)
			}
		}
		if pages != 3 {
			t.Errorf("sorted by %s: %d pages, want 3", sort, pages)
		}
	}
}

func TestSpansAreFound(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.post("traces", "/api/v0.2/traces", typeProto, traceBody(nil))
	for query, want := range map[string]int{
		"*": 2, "service:shop": 2, "env:prod": 2, "env:dev": 0, "host:web-1": 2, "version:1.2": 2, "pod_name:p1": 2,
		`resource_name:"GET /cart"`: 1, "operation_name:db": 1, "status:error": 1, "status:ok": 1, "type:web": 1, "span_id:7": 1,
		"trace_id:255": 2, "trace_id:00000000000000ff": 2, "trace_id:00000000000000AA00000000000000ff": 2, "trace_id:1": 0,
		"@http.route:/cart": 1, "@n:2": 1, "@n:3": 0, "-status:error": 1, "trace_id:255 resource_name:select": 1,
	} {
		v := h.read("POST", "/api/v2/spans/events/search", fmt.Sprintf(`{"data":{"type":"search_request","attributes":{"filter":{"query":%q}}}}`, query))
		if data, _ := v["data"].([]any); len(data) != want {
			t.Errorf("%s: %d spans, want %d", query, len(data), want)
		}
	}
	v := h.read("POST", "/api/v2/spans/events/search", `{"data":{"type":"search_request","attributes":{"filter":{"query":"span_id:7"}}}}`)
	attrs := at(v, "data", 0, "attributes")
	for key, want := range map[string]any{
		"trace_id": "255", "span_id": "7", "parent_id": "0", "service": "shop", "resource_name": "GET /cart", "env": "prod",
		"start_timestamp": "2027-01-15T07:59:55Z", "end_timestamp": "2027-01-15T07:59:57Z",
	} {
		if at(attrs, key) != want {
			t.Errorf("%s is %v, want %v", key, at(attrs, key), want)
		}
	}
	if at(attrs, "attributes", "http.route") != "/cart" {
		t.Errorf("attributes %v", at(attrs, "attributes"))
	}
}

func TestAnEventIsReadByItsID(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	answer := h.post("api", "/api/v1/events", typeJSON, []byte(`{"title":"deploy","text":"v2","tags":["probe:1"],"alert_type":"info","host":"web-1"}`))
	id := h.Received(orgEU).Events[0].IDText
	if !strings.Contains(answer, `"status":"ok"`) || !strings.Contains(answer, `"id_str":"`+id+`"`) ||
		!strings.Contains(answer, `"url":"https://app.datadoghq.eu/event/event?id=`+id+`"`) {
		t.Errorf("answer %s", answer)
	}
	v := h.read("GET", "/api/v1/events/"+id, "")
	if at(v, "event", "title") != "deploy" || at(v, "event", "tags", 0) != "probe:1" || at(v, "event", "id_str") != id || at(v, "event", "date_happened") != float64(now0) {
		t.Errorf("event %v", v)
	}
	if status, _ := h.send("GET", "api", "/api/v1/events/1", headers{"Authorization": "Bearer all"}, nil); status != 404 {
		t.Errorf("an unknown event: %d", status)
	}
}

func TestSearchDelayHidesWhatIsYoung(t *testing.T) {
	t.Parallel()
	h := newHarness(t, intake.WithSearchDelay(30*time.Second))
	h.post("api", "/api/v2/series", typeProto, seriesBody(nil))
	h.post("logs", "/api/v2/logs", typeJSON, []byte(`{"message":"a"}`))
	h.post("traces", "/api/v0.2/traces", typeProto, traceBody(nil))
	h.post("api", "/api/v1/events", typeJSON, []byte(`{"title":"t","text":"x"}`))
	h.post("traces", "/api/v0.2/stats", "application/msgpack", statsBody(nil))
	id := h.Received(orgEU).Events[0].IDText
	visible := func() [6]bool {
		v1 := h.read("GET", fmt.Sprintf("/api/v1/query?from=0&to=%d&query=a.b{*}", now0+1), "")
		hits := h.read("GET", fmt.Sprintf("/api/v1/query?from=0&to=%d&query=trace.http.server.hits{*}", now0+1), "")
		names := h.read("GET", "/api/v1/metrics?from=0", "")
		spans := h.read("POST", "/api/v2/spans/events/search", `{"data":{"type":"search_request"}}`)
		event, _ := h.send("GET", "api", "/api/v1/events/"+id, headers{"Authorization": "Bearer all"}, nil)
		return [6]bool{
			at(v1, "series", 0) != nil, at(hits, "series", 0) != nil, at(names, "metrics", 0) != nil, len(logMessages(h, "{}")) > 0, at(spans, "data", 0) != nil, event == 200,
		}
	}
	h.sec.Add(29)
	if got := visible(); got != [6]bool{} {
		t.Errorf("after 29 s visible: %v", got)
	}
	if got := h.Counts(orgEU); got.Points != 1 || got.Logs != 1 {
		t.Errorf("counts wait for the index: %+v", got)
	}
	h.sec.Add(1)
	if got := visible(); got != [6]bool{true, true, true, true, true, true} {
		t.Errorf("after 30 s visible: %v", got)
	}
	h.SetSearchDelay(time.Minute)
	if got := visible(); got != [6]bool{} {
		t.Errorf("with a minute's delay visible: %v", got)
	}
}

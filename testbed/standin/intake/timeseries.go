package intake

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// queryV1 answers GET /api/v1/query?from=…&to=…&query=…, from and to in Unix seconds.
func (in *Intake) queryV1(w http.ResponseWriter, r *http.Request, o *org) error {
	values := r.URL.Query()
	from, err1 := strconv.ParseInt(values.Get("from"), 10, 64)
	to, err2 := strconv.ParseInt(values.Get("to"), 10, 64)
	if err1 != nil || err2 != nil {
		return badRequest("from and to are required, in Unix seconds")
	}
	q, err := parseMetricQuery(values.Get("query"))
	if err != nil {
		return err
	}
	o.mu.Lock()
	points := q.run(in, o, from, to)
	o.mu.Unlock()
	series := []map[string]any{}
	if len(points) > 0 {
		list := make([][2]float64, len(points))
		for i, p := range points {
			list[i] = [2]float64{float64(p.ts * 1000), p.value}
		}
		series = append(series, map[string]any{
			"metric": q.metric, "display_name": q.metric, "expression": q.text, "aggr": q.agg,
			"scope": scopeText(q.tags), "tag_set": []string{}, "unit": nil, "interval": 1000, "length": len(list),
			"start": points[0].ts * 1000, "end": points[len(points)-1].ts * 1000, "pointlist": list,
		})
	}
	answerJSON(w, http.StatusOK, map[string]any{
		"status": "ok", "res_type": "time_series", "query": q.text, "from_date": from * 1000, "to_date": to * 1000, "series": series,
	})
	return nil
}

type timeseriesRequest struct {
	Data struct {
		Type       string `json:"type"`
		Attributes struct {
			From     *int64 `json:"from"` // Unix milliseconds
			To       *int64 `json:"to"`   // Unix milliseconds, exclusive
			Formulas []struct {
				Formula string `json:"formula"`
			} `json:"formulas"`
			Queries []struct {
				DataSource string `json:"data_source"`
				Query      string `json:"query"`
				Name       string `json:"name"`
			} `json:"queries"`
		} `json:"attributes"`
	} `json:"data"`
}

// queryTimeseries answers POST /api/v2/query/timeseries. A formula may only be the name of a query.
func (in *Intake) queryTimeseries(w http.ResponseWriter, r *http.Request, o *org) error {
	var req timeseriesRequest
	if err := decodeQuery(w, r, &req); err != nil {
		return err
	}
	a := req.Data.Attributes
	if req.Data.Type != "timeseries_request" || a.From == nil || a.To == nil || len(a.Queries) == 0 {
		return badRequest("data.type timeseries_request with attributes from, to (milliseconds) and queries is required")
	}
	byName := map[string]metricQuery{}
	var shown []metricQuery
	for _, sent := range a.Queries {
		if sent.DataSource != "metrics" {
			return badRequest("data_source %.100q is not imitated by the stand-in; use metrics", sent.DataSource)
		}
		q, err := parseMetricQuery(sent.Query)
		if err != nil {
			return err
		}
		byName[sent.Name] = q
		shown = append(shown, q)
	}
	if len(a.Formulas) > 0 {
		shown = nil
	}
	for _, f := range a.Formulas {
		q, ok := byName[f.Formula]
		if !ok {
			return badRequest("formula %.100q is not imitated by the stand-in; use the name of a query", f.Formula)
		}
		shown = append(shown, q)
	}
	answerJSON(w, http.StatusOK, in.timeseries(o, shown, *a.From, *a.To))
	return nil
}

// timeseries runs queries over [fromMs, toMs) and lines their values up on the union of their times.
func (in *Intake) timeseries(o *org, queries []metricQuery, fromMs, toMs int64) any {
	type oneSeries struct {
		QueryIndex int      `json:"query_index"`
		GroupTags  []string `json:"group_tags"`
		Unit       []any    `json:"unit"`
	}
	from, to := ceilSeconds(fromMs), ceilSeconds(toMs)
	results := make([][]timedValue, len(queries))
	column := map[int64]int{}
	o.mu.Lock()
	for i, q := range queries {
		results[i] = q.run(in, o, from, to)
		for _, p := range results[i] {
			column[p.ts] = 0
		}
	}
	o.mu.Unlock()
	times := slices.Sorted(maps.Keys(column))
	for i, ts := range times {
		column[ts] = i
		times[i] = ts * 1000
	}
	series, values := []oneSeries{}, [][]*float64{}
	for i, result := range results {
		if len(result) == 0 {
			continue
		}
		line := make([]*float64, len(times))
		for _, p := range result {
			line[column[p.ts]] = &p.value
		}
		series, values = append(series, oneSeries{i, []string{}, nil}), append(values, line)
	}
	return map[string]any{"data": map[string]any{
		"id": "0", "type": "timeseries_response",
		"attributes": map[string]any{"times": orEmpty(times), "series": series, "values": values},
	}}
}

// ceilSeconds makes a bound in milliseconds one in seconds that cuts whole seconds in the same way.
func ceilSeconds(ms int64) int64 {
	s := ms / 1000
	if ms%1000 > 0 {
		s++
	}
	return s
}

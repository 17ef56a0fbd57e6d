package intake

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listMetrics answers GET /api/v1/metrics?from=…: the names with a point at or after from, in Unix seconds.
func (in *Intake) listMetrics(w http.ResponseWriter, r *http.Request, o *org) error {
	from, err := strconv.ParseInt(r.URL.Query().Get("from"), 10, 64)
	if err != nil {
		return badRequest("from is required, in Unix seconds")
	}
	names := map[string]bool{}
	host := r.URL.Query().Get("host")
	o.eachSearchable(in.visibleSince(), func(id seriesID, ts int64) {
		if ts >= from && (host == "" || host == id.host) {
			names[id.metric] = true
		}
	})
	answerJSON(w, http.StatusOK, map[string]any{
		"from": strconv.FormatInt(from, 10), "metrics": orEmpty(slices.Sorted(maps.Keys(names))),
	})
	return nil
}

// metricTags answers GET /api/v2/metrics/{name}/all-tags; 404 for a name without points.
func (in *Intake) metricTags(w http.ResponseWriter, r *http.Request, o *org) error {
	name := r.PathValue("name")
	known, tags := false, map[string]bool{}
	o.eachSearchable(in.visibleSince(), func(id seriesID, _ int64) {
		if id.metric != name {
			return
		}
		known = true
		for _, tag := range id.tags {
			tags[tag] = true
		}
		if tag := hostTag(id.host); tag != "" {
			tags[tag] = true
		}
	})
	if !known {
		return refuse(http.StatusNotFound, "Not Found")
	}
	answerJSON(w, http.StatusOK, map[string]any{"data": map[string]any{
		"id": name, "type": "metrics", "attributes": map[string]any{"tags": orEmpty(slices.Sorted(maps.Keys(tags)))},
	}})
	return nil
}

// eachSearchable calls f, under the lock, for each cell of both grids that arrived at since or before.
func (o *org) eachSearchable(since time.Time, f func(id seriesID, ts int64)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.series.rows {
		for ts, p := range r.points {
			if !p.arrived.After(since) {
				f(r.seriesID, ts)
			}
		}
	}
	for _, r := range o.sketches.rows {
		for ts, p := range r.points {
			if !p.arrived.After(since) {
				f(r.seriesID, ts)
			}
		}
	}
}

func scopeText(tags []string) string {
	if len(tags) == 0 {
		return "*"
	}
	return strings.Join(tags, ",")
}

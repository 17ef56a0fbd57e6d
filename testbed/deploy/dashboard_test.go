package deploy

import (
	"strings"
	"testing"
)

// TestTheDashboardIsWhole checks what Grafana would show wrongly without a word: panels on top of each other, ids that are there twice, and
// questions to a data source that is not the one chosen.
func TestTheDashboardIsWhole(t *testing.T) {
	t.Parallel()
	d := dashboard(t)
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 36 {
		t.Errorf("title %q, uid %q, schema version %d", d.Title, d.UID, d.SchemaVersion)
	}
	var names []string
	for _, v := range d.Templating.List {
		names = append(names, v.Name)
		if v.Type == "query" && (v.Datasource == nil || v.Datasource.UID != "${datasource}" || !v.IncludeAll || !v.Multi) {
			t.Errorf("variable %s: %+v", v.Name, v)
		}
	}
	if got := strings.Join(names, " "); got != "datasource job instance exporter signal" {
		t.Errorf("variables %s", got)
	}
	ids, taken, rows := map[int]bool{}, map[[2]int]string{}, 0
	for _, p := range d.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("panel %q: id %d is there twice, or is none", p.Title, p.ID)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, ok := taken[at]; ok {
					t.Fatalf("panels %q and %q are on top of each other", p.Title, other)
				}
				taken[at] = p.Title
			}
		}
		if p.Type == "row" {
			rows++
			continue
		}
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
			t.Errorf("panel %q needs a title, a description, a unit and a question", p.Title)
		}
		refs := map[string]bool{}
		for _, target := range p.Targets {
			if target.Datasource == nil || target.Datasource.UID != "${datasource}" || refs[target.RefID] || target.Instant == target.Range {
				t.Errorf("panel %q: %+v", p.Title, target)
			}
			refs[target.RefID] = true
			if target.Instant != (p.Type != "timeseries") {
				t.Errorf("panel %q: a %s asks instant=%v", p.Title, p.Type, target.Instant)
			}
			if p.Type == "timeseries" && len(p.Targets) > 1 && target.LegendFormat == "" {
				t.Errorf("panel %q: %s needs a legend", p.Title, target.RefID)
			}
		}
	}
	if rows != 8 {
		t.Errorf("%d rows", rows)
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	c := Choice{"job": "(a|b)", "__range": "5m"}
	if got, err := c.Expand(`rate(x{job=~"$job"}[${__range}]) > 0`); err != nil || got != `rate(x{job=~"(a|b)"}[5m]) > 0` {
		t.Errorf("%s %v", got, err)
	}
	if _, err := c.Expand(`x{site="$site"}`); err == nil || !strings.Contains(err.Error(), "no variable site") {
		t.Errorf("%v", err)
	}
}

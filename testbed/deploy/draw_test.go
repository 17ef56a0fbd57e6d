package deploy

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func panels(t *testing.T, text string) Dashboard {
	t.Helper()
	var d Dashboard
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

var (
	drawnFrom = time.Unix(1000, 0)
	drawnTo   = time.Unix(1060, 0)
)

func TestDrawShowsTitlesLegendsAndNumbers(t *testing.T) {
	t.Parallel()
	d := panels(t, `{"title": "All <of> it", "panels": [
		{"id": 1, "type": "row", "title": "Flow", "gridPos": {"w": 24, "h": 1}},
		{"id": 2, "type": "timeseries", "title": "Lines", "gridPos": {"y": 1, "w": 12, "h": 8}, "fieldConfig": {"defaults": {"unit": "bytes"}}, "targets": [{"refId": "A", "legendFormat": "{{signal}} sent"}]},
		{"id": 3, "type": "stat", "title": "Now", "gridPos": {"x": 12, "y": 1, "w": 4, "h": 8}, "fieldConfig": {"defaults": {"unit": "percentunit", "thresholds": {"steps": [{"color": "green"}, {"color": "red", "value": 0.5}]}}}},
		{"id": 4, "type": "stat", "title": "Nothing", "gridPos": {"x": 16, "y": 1, "w": 4, "h": 8}}
	]}`)
	lines := Line{Labels: map[string]string{"signal": "logs"}, Times: []float64{1000, 1010, 1020, 1050, 1060}, Values: []float64{1024, math.NaN(), 2048, 4096, 3072}}
	picture, err := Draw(d, []Answer{
		{Panel: d.Panels[1], Target: d.Panels[1].Targets[0], Lines: []Line{lines}},
		{Panel: d.Panels[2], Lines: []Line{{Times: []float64{1060}, Values: []float64{.75}}}},
	}, drawnFrom, drawnTo)
	if err != nil {
		t.Fatal(err)
	}
	for x := xml.NewDecoder(strings.NewReader(string(picture))); ; {
		if _, err := x.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("no XML: %v", err)
		}
	}
	for _, want := range []string{"All &lt;of&gt; it", "▾ Flow", ">Lines<", ">logs sent<", ">3 KiB<", ">4 KiB<", ">75 %<", colours["red"], "No data", ">0:30<", "drawn by it from the dashboard"} {
		if !strings.Contains(string(picture), want) {
			t.Errorf("the picture has no %q", want)
		}
	}
	// The NaN and the gap cut the line: a point, another one, and a line.
	if n, m := strings.Count(string(picture), "<circle"), strings.Count(string(picture), "<polyline"); n != 2 || m != 1 {
		t.Errorf("%d points and %d lines", n, m)
	}
}

func TestDrawRefusesWhatItCannotDraw(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"panels": [{"id": 1, "type": "heatmap", "gridPos": {"w": 8, "h": 8}}]}`:                                                                                      "no way to draw a heatmap",
		`{"panels": [{"id": 1, "type": "stat", "gridPos": {"x": 20, "w": 8, "h": 8}}]}`:                                                                                "does not fit",
		`{"panels": [{"id": 1, "type": "table", "gridPos": {"w": 8, "h": 8}, "transformations": [{"id": "groupBy"}]}]}`:                                                "transformation groupBy",
		`{"panels": [{"id": 1, "type": "table", "gridPos": {"w": 8, "h": 8}, "transformations": [{"id": "organize", "options": {"indexByName": {"a": 0, "b": 0}}}]}]}`: "twice",
	} {
		if _, err := Draw(panels(t, text), nil, drawnFrom, drawnTo); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestTablesAreMergedAndSorted(t *testing.T) {
	t.Parallel()
	d := panels(t, `{"panels": [{"id": 1, "type": "table", "transformations": [{"id": "merge"}, {"id": "organize", "options": {
		"indexByName": {"signal": 0, "Value #A": 1, "Value #B": 2}, "renameByName": {"Value #A": "in", "Value #B": "out"}}}]}]}`)
	line := func(signal string, v float64) Line {
		return Line{Labels: map[string]string{"signal": signal}, Times: []float64{1}, Values: []float64{v}}
	}
	got, err := tableOfAnswers(d.Panels[0], []Answer{
		{Target: Target{RefID: "A"}, Lines: []Line{line("logs", 3), line("traces", 7)}},
		{Target: Target{RefID: "B"}, Lines: []Line{line("traces", 6.6)}},
	})
	want := cells{columns: []string{"signal", "in", "out"}, numeric: []bool{false, true, true}, rows: [][]string{{"traces", "7", "7"}, {"logs", "3", ""}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v %v", got, err)
	}
}

func TestStackedCurvesStandOnEachOther(t *testing.T) {
	t.Parallel()
	line := func(name string, values ...float64) Line {
		return Line{Labels: map[string]string{"reason": name}, Times: []float64{1, 2}, Values: values}
	}
	curves := curvesOf([]Answer{{Target: Target{LegendFormat: "{{reason}}"}, Lines: []Line{line("b", 10, 20), line("a", 1, math.NaN())}}}, true)
	if len(curves) != 2 || curves[0].name != "a" || !reflect.DeepEqual(curves[1].base, []float64{1, 0}) || curves[1].most != 20 || curves[0].last != 1 {
		t.Errorf("%+v", curves)
	}
}

func TestUnits(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"1.5 KiB": inUnit(1536, "bytes"), "2 MiB/s": inUnit(2<<20, "Bps"), "12 ms": inUnit(.012, "s"), "3 s": inUnit(3, "s"), "2.5 min": inUnit(150, "s"),
		"1.25 K /s": inUnit(1250, "cps"), "12.5 %": inUnit(.125, "percentunit"), "–": inUnit(math.NaN(), "short"), "999": inUnit(999, "short"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

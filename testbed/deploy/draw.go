package deploy

import (
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Answer is what Prometheus said to one question of a panel.
type Answer struct {
	Panel  Panel
	Target Target
	Expr   string // with the choices of variables in it
	Lines  []Line
}

// The measures of the picture, in pixels: a part of the grid, and the space between panels.
const (
	cellWidth, cellHeight = 68, 34
	gap                   = 8
	headHeight            = 44
)

// palette is for the lines of a diagram, one after the other.
var palette = []string{"#7EB26D", "#EAB839", "#6ED0E0", "#EF843C", "#E24D42", "#5794F2", "#BA43A9", "#B877D9", "#96D98D", "#FFA6B0", "#C0D8FF", "#8AB8FF", "#C8F2C2", "#FF9830", "#A352CC", "#37872D"}

// colours are those of thresholds.
var colours = map[string]string{"green": "#73BF69", "orange": "#FF9830", "red": "#F2495C"}

// Draw is a picture of a dashboard, as SVG: each panel where its gridPos says.
func Draw(d Dashboard, answers []Answer, from, to time.Time) ([]byte, error) {
	bottom := 0
	for _, p := range d.Panels {
		bottom = max(bottom, p.GridPos.Y+p.GridPos.H)
	}
	width, height := columns*cellWidth+2*gap, bottom*cellHeight+headHeight+gap
	s := &svg{}
	s.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" font-family="Inter, Helvetica, Arial, sans-serif" font-size="12" fill="#ccccdc">`, width, height, width, height)
	s.add(`<rect width="%d" height="%d" fill="#111217"/>`, width, height)
	s.text(gap+4, 28, "start", 18, "#fff", d.Title)
	s.text(float64(width-gap-4), 28, "end", 12, "#9fa7b3", fmt.Sprintf("%d s of a run of the test bed, drawn by it from the dashboard's file", int(to.Sub(from).Seconds())))
	for _, p := range d.Panels {
		var own []Answer
		for _, a := range answers {
			if a.Panel.ID == p.ID {
				own = append(own, a)
			}
		}
		g := p.GridPos
		b := box{x: float64(gap + g.X*cellWidth), y: float64(headHeight + g.Y*cellHeight), w: float64(g.W*cellWidth - gap), h: float64(g.H*cellHeight - gap)}
		if g.X < 0 || g.W < 1 || g.X+g.W > columns {
			return nil, fmt.Errorf("panel %q does not fit into %d columns", p.Title, columns)
		}
		switch p.Type {
		case "row":
			s.text(b.x+4, b.y+20, "start", 15, "#fff", "▾ "+p.Title)
			continue
		case "stat", "timeseries", "table":
		default:
			return nil, fmt.Errorf("panel %q: there is no way to draw a %s", p.Title, p.Type)
		}
		s.add(`<g><title>%s</title><rect x="%g" y="%g" width="%g" height="%g" rx="2" fill="#181b1f" stroke="#2c3036"/>`, escape(p.Description), b.x, b.y, b.w, b.h)
		s.text(b.x+8, b.y+19, "start", 13, "#fff", p.Title)
		inner := box{b.x + 8, b.y + 28, b.w - 16, b.h - 34}
		switch p.Type {
		case "stat":
			drawStat(s, inner, p, own)
		case "timeseries":
			drawSeries(s, inner, p, own, from, to)
		case "table":
			if err := drawTable(s, inner, p, own); err != nil {
				return nil, err
			}
		}
		s.add(`</g>`)
	}
	s.add(`</svg>`)
	return []byte(s.b.String()), nil
}

type box struct{ x, y, w, h float64 }

type svg struct{ b strings.Builder }

func (s *svg) add(format string, args ...any) { fmt.Fprintf(&s.b, format+"\n", args...) }

func (s *svg) text(x, y float64, anchor string, size int, colour, text string) {
	s.add(`<text x="%.0f" y="%.0f" text-anchor="%s" font-size="%d" fill="%s">%s</text>`, x, y, anchor, size, colour, escape(text))
}

// cut shortens a text to a width in pixels, reckoned at six a letter.
func cut(text string, width float64) string {
	letters := []rune(text)
	if n := int(width / 6.2); len(letters) > n && n > 1 {
		return string(letters[:n-1]) + "…"
	}
	return text
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

func drawStat(s *svg, b box, p Panel, answers []Answer) {
	if len(answers) == 0 || !HasNumber(answers[0].Lines) {
		s.text(b.x+b.w/2, b.y+b.h/2, "middle", 14, "#9fa7b3", "No data")
		return
	}
	v, colour := answers[0].Lines[0].Values[0], "#ccccdc"
	for _, step := range p.FieldConfig.Defaults.Thresholds.Steps {
		if step.Value == nil || v >= *step.Value {
			colour = colours[step.Color]
		}
	}
	s.text(b.x+b.w/2, b.y+b.h/2+12, "middle", 34, colour, inUnit(v, p.FieldConfig.Defaults.Unit))
}

// legendOf fills in a legend.
func legendOf(format string, labels map[string]string) string {
	for name, value := range labels {
		for _, form := range []string{"{{" + name + "}}", "{{ " + name + " }}"} {
			format = strings.ReplaceAll(format, form, value)
		}
	}
	return format
}

// inUnit writes a value in one of Grafana's units.
func inUnit(v float64, unit string) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case unit == "percentunit":
		return fmt.Sprintf("%.3g %%", v*100)
	case unit == "s" && v != 0 && math.Abs(v) < 1:
		return fmt.Sprintf("%.3g ms", v*1000)
	case unit == "s" && math.Abs(v) >= 120:
		return fmt.Sprintf("%.3g min", v/60)
	case unit == "s":
		return fmt.Sprintf("%.3g s", v)
	case unit == "bytes" || unit == "Bps":
		suffix := map[string]string{"bytes": "B", "Bps": "B/s"}[unit]
		for _, prefix := range []string{"", "Ki", "Mi"} {
			if math.Abs(v) < 1024 {
				return short(v) + " " + prefix + suffix
			}
			v /= 1024
		}
		return short(v) + " Gi" + suffix
	case unit == "cps":
		return thousands(v) + " /s"
	case unit == "reqps":
		return thousands(v) + " req/s"
	default:
		return thousands(v)
	}
}

func thousands(v float64) string {
	if math.Abs(v) >= 1000 {
		return short(v/1000) + " K"
	}
	return short(v)
}

// short has three digits at least.
func short(v float64) string {
	if math.Abs(v) >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

func drawTable(s *svg, b box, p Panel, answers []Answer) error {
	t, err := tableOfAnswers(p, answers)
	if err != nil {
		return err
	}
	width := b.w / float64(len(t.columns))
	at := func(i int) (x float64, anchor string) {
		if t.numeric[i] {
			return b.x + float64(i+1)*width - 4, "end"
		}
		return b.x + float64(i)*width, "start"
	}
	for i, name := range t.columns {
		x, anchor := at(i)
		s.text(x, b.y+14, anchor, 12, "#6e9fff", cut(name, width))
	}
	const line = 19
	room := int((b.h - 22) / line)
	for n, row := range t.rows {
		y := b.y + 36 + float64(n)*line
		if n == room-1 && len(t.rows) > room {
			s.text(b.x, y, "start", 12, "#9fa7b3", fmt.Sprintf("… and %d more", len(t.rows)-n))
			break
		}
		s.add(`<line x1="%.0f" x2="%.0f" y1="%.0f" y2="%.0f" stroke="#2c3036"/>`, b.x, b.x+b.w, y-14, y-14)
		for i, cell := range row {
			x, anchor := at(i)
			s.text(x, y, anchor, 12, "#ccccdc", cut(cell, width))
		}
	}
	return nil
}

type cells struct {
	columns []string
	numeric []bool
	rows    [][]string
}

// tableOfAnswers does what the transformations merge and organize do: a row for each set of labels, a column for each label and each
// question.
func tableOfAnswers(p Panel, answers []Answer) (cells, error) {
	var index map[string]int
	var rename map[string]string
	for _, t := range p.Transformations {
		switch t.ID {
		case "merge":
		case "organize":
			index, rename = t.Options.IndexByName, t.Options.RenameByName
		default:
			return cells{}, fmt.Errorf("panel %q: no way to do the transformation %s", p.Title, t.ID)
		}
	}
	fields := make([]string, len(index))
	for name, i := range index {
		if i < 0 || i >= len(fields) || fields[i] != "" {
			return cells{}, fmt.Errorf("panel %q: column %d is there twice, or is none", p.Title, i)
		}
		fields[i] = name
	}
	t := cells{}
	for _, f := range fields {
		name := f
		if r, ok := rename[f]; ok {
			name = r
		}
		t.columns = append(t.columns, name)
		t.numeric = append(t.numeric, strings.HasPrefix(f, "Value"))
	}
	type row struct {
		texts  []string
		weight float64
	}
	rows := map[string]*row{}
	for _, a := range answers {
		value := "Value"
		if len(answers) > 1 {
			value = "Value #" + a.Target.RefID
		}
		for _, l := range a.Lines {
			key := fmt.Sprint(l.Labels)
			r := rows[key]
			if r == nil {
				r = &row{texts: make([]string, len(fields))}
				rows[key] = r
				for i, f := range fields {
					r.texts[i] = l.Labels[f]
				}
			}
			i := slices.Index(fields, value)
			if i < 0 {
				return cells{}, fmt.Errorf("panel %q: no column for %s", p.Title, value)
			}
			r.texts[i] = fmt.Sprintf("%.0f", l.Values[0])
			if a.Target.RefID == "A" {
				r.weight = l.Values[0]
			}
		}
	}
	sorted := make([]*row, 0, len(rows))
	for _, r := range rows {
		sorted = append(sorted, r)
	}
	slices.SortFunc(sorted, func(a, b *row) int {
		if a.weight != b.weight {
			return int(math.Copysign(1, b.weight-a.weight))
		}
		return strings.Compare(strings.Join(a.texts, " "), strings.Join(b.texts, " "))
	})
	for _, r := range sorted {
		t.rows = append(t.rows, r.texts)
	}
	return t, nil
}

package deploy

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// curve is a line of a diagram: base is what it stands on where lines are stacked.
type curve struct {
	name, colour string
	line         Line
	base         []float64
	last, most   float64
}

func curvesOf(answers []Answer, stacked bool) []curve {
	var all []curve
	for _, a := range answers {
		for _, l := range a.Lines {
			c := curve{name: legendOf(a.Target.LegendFormat, l.Labels), line: l, last: math.NaN(), most: math.NaN(), base: make([]float64, len(l.Values))}
			for _, v := range l.Values {
				if !math.IsNaN(v) && !math.IsInf(v, 0) {
					c.last = v
					if !(c.most >= v) {
						c.most = v
					}
				}
			}
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(a, b curve) int { return strings.Compare(a.name, b.name) })
	sums := map[float64]float64{}
	for i := range all {
		all[i].colour = palette[i%len(palette)]
		for n, at := range all[i].line.Times {
			if v := all[i].line.Values[n]; stacked && !math.IsNaN(v) {
				all[i].base[n] = sums[at]
				sums[at] += v
			}
		}
	}
	return all
}

// drawSeries draws lines over time, and below them the legend: name, last and highest value.
func drawSeries(s *svg, b box, p Panel, answers []Answer, from, to time.Time) {
	field := p.FieldConfig.Defaults
	stacked := field.Custom.Stacking.Mode == "normal"
	curves := curvesOf(answers, stacked)
	if len(curves) == 0 {
		s.text(b.x+b.w/2, b.y+b.h/2, "middle", 14, "#9fa7b3", "No data")
		return
	}
	const row, least, left = 15.0, 84.0, 62.0
	perRow := 1
	if float64(len(curves)+1)*row > b.h-least-22 || b.w > 600 {
		perRow = 2
	}
	rows := (len(curves) + perRow - 1) / perRow
	room := int((b.h-least-22)/row) - 1
	rows = min(rows, room)
	plot := box{b.x + left, b.y + 4, b.w - left - 12, b.h - 26 - float64(rows+1)*row}

	top := math.Inf(-1)
	for _, c := range curves {
		for i, v := range c.line.Values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				top = math.Max(top, v+c.base[i])
			}
		}
	}
	step := roundStep(top, field.Unit)
	top = math.Max(step, math.Ceil(top/step-1e-9)*step)
	if field.Max != nil && top > *field.Max/2 {
		top = *field.Max
	}
	begin, length := float64(from.Unix()), to.Sub(from).Seconds()
	x := func(at float64) float64 { return plot.x + (at-begin)/length*plot.w }
	y := func(v float64) float64 { return plot.y + plot.h - math.Min(v, top)/top*plot.h }
	for v := 0.0; v <= top*1.0001; v += step {
		s.add(`<line x1="%.0f" x2="%.0f" y1="%.1f" y2="%.1f" stroke="#2c3036"/>`, plot.x, plot.x+plot.w, y(v), y(v))
		s.text(plot.x-6, y(v)+4, "end", 11, "#9fa7b3", inUnit(v, field.Unit))
	}
	every := 300.0
	for _, seconds := range []float64{5, 10, 30, 60, 120} {
		if length/seconds <= 6 {
			every = seconds
			break
		}
	}
	for second := 0.0; second <= length; second += every {
		s.text(x(begin+second), plot.y+plot.h+14, "middle", 11, "#9fa7b3", fmt.Sprintf("%d:%02d", int(second)/60, int(second)%60))
	}
	for _, c := range curves {
		c.draw(s, x, y, stacked)
	}
	legend(s, box{b.x, plot.y + plot.h + 22, b.w, b.h}, curves, field.Unit, perRow, rows)
}

func (c curve) draw(s *svg, x, y func(float64) float64, stacked bool) {
	step := math.Inf(1)
	for i := 1; i < len(c.line.Times); i++ {
		step = math.Min(step, c.line.Times[i]-c.line.Times[i-1])
	}
	var line, under []string
	flush := func() {
		switch {
		case len(line) == 1:
			at := strings.Split(line[0], ",")
			s.add(`<circle cx="%s" cy="%s" r="1.5" fill="%s"/>`, at[0], at[1], c.colour)
		case len(line) > 1:
			if stacked {
				slices.Reverse(under)
				s.add(`<polygon points="%s %s" fill="%s" fill-opacity=".25"/>`, strings.Join(line, " "), strings.Join(under, " "), c.colour)
			}
			s.add(`<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`, strings.Join(line, " "), c.colour)
		}
		line, under = nil, nil
	}
	for i, at := range c.line.Times {
		v := c.line.Values[i]
		if i > 0 && at-c.line.Times[i-1] > 1.5*step || math.IsNaN(v) || math.IsInf(v, 0) {
			flush()
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		line = append(line, fmt.Sprintf("%.0f,%.1f", x(at), y(v+c.base[i])))
		under = append(under, fmt.Sprintf("%.0f,%.1f", x(at), y(c.base[i])))
	}
	flush()
}

func legend(s *svg, b box, curves []curve, unit string, perRow, rows int) {
	width := b.w / float64(perRow)
	for column := range min(perRow, len(curves)) {
		x := b.x + float64(column)*width
		s.text(x+width-80, b.y+8, "end", 10, "#6e9fff", "last")
		s.text(x+width-8, b.y+8, "end", 10, "#6e9fff", "max")
	}
	for i, c := range curves {
		x, y := b.x+float64(i%perRow)*width, b.y+22+float64(i/perRow)*15
		if i == rows*perRow-1 && len(curves) > rows*perRow {
			s.text(x+14, y, "start", 11, "#9fa7b3", fmt.Sprintf("… and %d more", len(curves)-i))
			return
		}
		s.add(`<rect x="%.0f" y="%.0f" width="9" height="3" fill="%s"/>`, x, y-5, c.colour)
		s.text(x+14, y, "start", 11, "#ccccdc", cut(c.name, width-156))
		s.text(x+width-80, y, "end", 11, "#ccccdc", inUnit(c.last, unit))
		s.text(x+width-8, y, "end", 11, "#ccccdc", inUnit(c.most, unit))
	}
}

// roundStep is a distance of grid lines that makes two to four of them: 1, 2 or 5 times a power of ten, or of 1024 and two for bytes.
func roundStep(most float64, unit string) float64 {
	if most <= 0 || math.IsInf(most, 0) {
		return 1
	}
	if unit == "bytes" || unit == "Bps" {
		return math.Max(1, math.Pow(2, math.Ceil(math.Log2(most))-2))
	}
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for _, part := range []float64{.2, .5, 1} {
		if most/(step*part) <= 4 {
			return step * part
		}
	}
	return step * 2.5
}

// Package plot draws figures of a benchmark as an SVG picture that needs no script, font or style sheet.
package plot

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"
)

// Panel is one diagram: points over the same places as the others, with a line through them.
type Panel struct {
	Title string // with the unit
	// Y are the values, Low and High the ends of their spread; Low and High may be nil.
	Y, Low, High []float64
}

// The size of a panel, and of its margins, in pixels.
const (
	width, height = 340, 200
	left, right   = 64, 16
	top, bottom   = 34, 34
)

// Draw writes a picture of panels, two in a row. places are the names of the points, from left to right, at equal distances.
func Draw(out io.Writer, title string, places []string, panels []Panel) error {
	rows := (len(panels) + 1) / 2
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11" fill="#333">`+"\n", 2*width, rows*height+30)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="%d" y="20" font-size="14" text-anchor="middle">%s</text>`+"\n", width, escape(title))
	for i, p := range panels {
		if len(p.Y) != len(places) {
			return fmt.Errorf("plot: %q has %d values for %d places", p.Title, len(p.Y), len(places))
		}
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`+"\n", i%2*width, 30+i/2*height)
		p.draw(&b, places)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func (p Panel) draw(b *strings.Builder, places []string) {
	most := 0.0
	for _, values := range [][]float64{p.Y, p.High} {
		for _, v := range values {
			most = math.Max(most, v)
		}
	}
	step := roundStep(most)
	most = math.Max(step, math.Ceil(most/step)*step)
	x := func(i int) float64 { return left + (float64(i)+.5)*(width-left-right)/float64(len(places)) }
	y := func(v float64) float64 { return height - bottom - v/most*(height-top-bottom) }
	fmt.Fprintf(b, `<text x="%d" y="20" font-weight="bold">%s</text>`+"\n", left, escape(p.Title))
	for v := 0.0; v <= most*1.0001; v += step {
		fmt.Fprintf(b, `<line x1="%d" x2="%d" y1="%.1f" y2="%.1f" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%s</text>`+"\n",
			left, width-right, y(v), y(v), left-6, y(v)+4, number(v))
	}
	var line []string
	for i, v := range p.Y {
		line = append(line, fmt.Sprintf("%.1f,%.1f", x(i), y(v)))
		if p.Low != nil && p.High != nil {
			fmt.Fprintf(b, `<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#632ca6" stroke-opacity=".4" stroke-width="4"/>`+"\n", x(i), x(i), y(p.Low[i]), y(p.High[i]))
		}
		fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="#632ca6"><title>%s: %s</title></circle>`+"\n", x(i), y(v), escape(places[i]), number(v))
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", x(i), height-bottom+16, escape(places[i]))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="#632ca6" stroke-width="1.5"/>`+"\n", strings.Join(line, " "))
}

// roundStep is a distance of grid lines, 1, 2 or 5 times a power of ten, that makes three to six of them.
func roundStep(most float64) float64 {
	if most <= 0 {
		return 1
	}
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for _, part := range []float64{.2, .5, 1} {
		if most/(step*part) <= 6 {
			return step * part
		}
	}
	return step * 2
}

// number is short: 12000 is 12k.
func number(v float64) string {
	if v >= 10_000 {
		return fmt.Sprintf("%.4gk", v/1000)
	}
	return fmt.Sprintf("%.4g", v)
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

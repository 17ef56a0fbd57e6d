package admin

import (
	"strconv"
	"time"
)

// The chart's viewBox: bars of what was sent stand on the line, those of what was refused hang from it, both to one scale. Where a bar is says
// the same as its colour.
const (
	chartUp, chartDown = 44.0, 20.0 // above and below the line
	barWidth, barGap   = 8.0, 2.0
	shortestBar        = 1.5 // of a figure that is not zero
	fewestBars         = 24  // a short history stands at the right
)

type chartView struct {
	Width, Height, Line string
	Bars                []barView
	Step                string
	Most, From, To      slot
}

type barView struct {
	X, Width            string
	Sent, Refused       slot // bars
	Title               slot
	At, SentN, RefusedN slot // cells of the table
}

// newChart returns nil where nothing was sent yet.
func newChart(to *slots, h SendHistory) *chartView {
	if len(h.Sent) == 0 || len(h.Refused) != len(h.Sent) || h.Step <= 0 {
		return nil
	}
	if missing := fewestBars - len(h.Sent); missing > 0 {
		h.Sent, h.Refused = append(make([]uint32, missing), h.Sent...), append(make([]uint32, missing), h.Refused...)
	}
	var most, mostRefused uint32
	for i := range h.Sent {
		most, mostRefused = max(most, h.Sent[i]), max(mostRefused, h.Refused[i])
	}
	scale := min(chartUp/max(float64(most), 1), chartDown/max(float64(mostRefused), 1))
	first := h.End.Add(-time.Duration(len(h.Sent)) * h.Step)
	layout := "15:04"
	if h.Step < time.Minute {
		layout = "15:04:05"
	}
	c := &chartView{
		Width: number(float64(len(h.Sent)) * (barWidth + barGap)), Height: number(chartUp + chartDown), Line: number(chartUp),
		Step: span(h.Step), Most: to.add("most", "", count(max(most, mostRefused))),
		From: to.add("from", "", first.UTC().Format("2 Jan "+layout)), To: to.add("to", "", h.End.UTC().Format("2 Jan "+layout)),
	}
	for i := range h.Sent {
		begin := first.Add(time.Duration(i) * h.Step).UTC().Format(layout)
		sent, refused := count(h.Sent[i]), count(h.Refused[i])
		key := strconv.Itoa(i)
		up, down := barHeight(h.Sent[i], scale), barHeight(h.Refused[i], scale)
		c.Bars = append(c.Bars, barView{
			X: number(float64(i) * (barWidth + barGap)), Width: number(barWidth),
			Sent: to.bar("s"+key, chartUp-up, up), Refused: to.bar("r"+key, chartUp, down),
			Title: to.add("t"+key, "", begin+": "+sent+" sent, "+refused+" refused"),
			At:    to.add("at"+key, "", begin), SentN: to.add("sn"+key, "num", sent), RefusedN: to.add("rn"+key, "num", refused),
		})
	}
	return c
}

func barHeight(n uint32, scale float64) float64 {
	if n == 0 {
		return 0
	}
	return float64(int(10*max(float64(n)*scale, shortestBar)+0.5)) / 10
}

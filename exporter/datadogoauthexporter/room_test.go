package datadogoauthexporter

import (
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// fill appends items of a size to a payload, and says how often its memory moved.
func fill(p *intake.Payload, items, size int) (moves int) {
	var first *byte
	for range items {
		p.Body = append(p.Body, make([]byte, size)...)
		p.EndItem(1, 0)
		if first != &p.Body[0] {
			first = &p.Body[0]
			moves++
		}
	}
	return moves
}

func TestRoomIsThatOfTheCallsBefore(t *testing.T) {
	t.Parallel()
	var m room
	for range 30 {
		series := &intake.Payload{}
		m.prepare([]payload{{intake.Series, series}}, 100)
		fill(series, 100, 400)
		m.learn([]payload{{intake.Series, series}}, 100)
	}
	series, logs := &intake.Payload{}, &intake.Payload{}
	m.prepare([]payload{{intake.Series, series}, {intake.Logs, logs}}, 1000)
	if logs.Body != nil || logs.Items != nil {
		t.Error("logs got room, and there were none before")
	}
	if got, want := cap(series.Body), 1000*400; got < want || got > want*5/4 {
		t.Errorf("room of %d bytes for %d", got, want)
	}
	if got := cap(series.Items); got < 1000 || got > 1250 {
		t.Errorf("room of %d items for 1000", got)
	}
	if moves := fill(series, 1000, 400); moves != 1 {
		t.Errorf("the payload lay in %d places while it grew", moves)
	}
}

func TestRoomIsBoundedAndLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	var m room
	huge := intake.Payload{Body: make([]byte, 1<<20), Items: make([]intake.Item, 1<<10)}
	for range 30 {
		m.learn([]payload{{intake.Logs, &huge}}, 1)
	}
	p := &intake.Payload{}
	m.prepare([]payload{{intake.Logs, p}}, 1<<20)
	if cap(p.Body) != maxRoomBytes || cap(p.Items) != maxRoomItems {
		t.Errorf("room of %d bytes and %d items", cap(p.Body), cap(p.Items))
	}
	begun := &intake.Payload{Body: []byte("x")}
	m.prepare([]payload{{intake.Logs, begun}}, 1000)
	if string(begun.Body) != "x" || cap(begun.Body) > 100 {
		t.Error("a payload that had begun was replaced")
	}
	m.learn([]payload{{intake.Logs, p}}, 0) // no items: nothing to learn, and no division by zero
}

package sends

import (
	"math"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// A history has Steps steps of a Step each, which begin and end with the hours.
const (
	Steps = 48
	Step  = 30 * time.Minute
)

// stepOf is the number of the step that a moment is in. It is above 0, since time was above 1970.
func stepOf(t time.Time) int64 { return t.Unix() / int64(Step/time.Second) }

// history counts the bodies of a tenant in the latest steps. The zero history is ready.
type history struct {
	first, last   int64 // steps; 0 for none
	sent, refused ring
}

// ring is the counts of up to Steps steps. It is as long as it has to be for the steps that had anything.
type ring []uint32

// advance begins a step, and forgets those that are too old by then. It returns the place of the step in the rings. A clock that was set back counts for the last
// step.
func (h *history) advance(step int64) (place int) {
	if h.first == 0 || step-h.last >= Steps {
		*h = history{first: step, last: step}
	}
	for h.last < step {
		h.last++
		h.sent.clear(h.place(h.last))
		h.refused.clear(h.place(h.last))
	}
	return h.place(h.last)
}

func (h *history) place(step int64) int { return int((step - h.first) % Steps) }

func (r *ring) add(place int) {
	if place >= len(*r) {
		grown := make(ring, min(max(place+1, 2*len(*r), 4), Steps))
		copy(grown, *r)
		*r = grown
	}
	if n := &(*r)[place]; *n < math.MaxUint32 {
		*n++
	}
}

func (r ring) clear(place int) {
	if place < len(r) {
		r[place] = 0
	}
}

func (r ring) at(place int) uint32 {
	if place < len(r) {
		return r[place]
	}
	return 0
}

// until is the history that ends with the step now.
func (h *history) until(now int64) credential.SendHistory {
	now = max(now, h.last)
	begin := max(h.first, now-Steps+1)
	if h.first == 0 || h.last < begin {
		return credential.SendHistory{}
	}
	steps := int(now-begin) + 1
	of := credential.SendHistory{
		Step: Step, End: time.Unix((now+1)*int64(Step/time.Second), 0),
		Sent: make([]uint32, steps), Refused: make([]uint32, steps),
	}
	for i := range h.last - begin + 1 {
		place := h.place(begin + i)
		of.Sent[i], of.Refused[i] = h.sent.at(place), h.refused.at(place)
	}
	return of
}

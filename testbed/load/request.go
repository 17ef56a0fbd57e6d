package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// request is one encoded Export…ServiceRequest whose times, values and ids can be replaced. Not safe for concurrent use.
type request struct {
	body   []byte
	slots  []slot
	places []place
	values []uint64 // of the slots in this round
	first  uint64   // number of the request's first slot in its load: the seed of its ids
}

// slot is something that differs from round to round. It is eight bytes on the wire, little endian.
type slot struct {
	kind kind
	step uint64
}

// place is where a slot stands; a trace id stands in each span of its trace.
type place struct{ at, slot uint32 }

type kind uint8

const (
	moment  kind = iota // step nanoseconds before now, as fixed64
	counter             // step times (round+1), as fixed64
	total               // a cumulative sum: the float in step, times (round+1)
	measure             // a float between 0 and 1000 with two decimals
	id                  // random, not zero
	digits              // eight random decimal digits, as text
	lap                 // the round, in eight decimal digits, as text
)

// magic is the upper half of a placeholder. As a double it is an ordinary number, so no encoder changes it; as text it is not UTF-8.
const magic = 0x41D5E0A7

// textMagic begins a placeholder in text; the slot's number follows in six digits.
const textMagic = "@@"

// builder gives out placeholders while a request is put together.
type builder struct {
	slots []slot
	rand  *rand.Rand
	load  uint8 // number of the load, in its marks
	laps  bool  // marks tell the round
}

func (b *builder) slot(k kind, step uint64) uint64 {
	b.slots = append(b.slots, slot{k, step})
	return magic<<32 | uint64(len(b.slots)-1) //nolint:gosec // a length
}

func (b *builder) moment(before time.Duration) uint64 {
	return b.slot(moment, uint64(before.Nanoseconds())) //nolint:gosec // not negative
}
func (b *builder) counter(step uint64) uint64 { return b.slot(counter, step) }
func (b *builder) measure() float64           { return math.Float64frombits(b.slot(measure, 0)) }
func (b *builder) total(step float64) float64 {
	return math.Float64frombits(b.slot(total, math.Float64bits(step)))
}

// id is one of n bytes, a multiple of eight.
func (b *builder) id(n int) []byte {
	out := make([]byte, 0, n)
	for len(out) < n {
		out = binary.LittleEndian.AppendUint64(out, b.slot(id, 0))
	}
	return out
}

// digits and lap are text.
func (b *builder) digits() string { return b.text(digits) }
func (b *builder) lap() string    { return b.text(lap) }

func (b *builder) text(k kind) string {
	b.slot(k, 0)
	return fmt.Sprintf(textMagic+"%06d", len(b.slots)-1)
}

// request finds the placeholders in an encoded body.
func (b *builder) request(body []byte, first uint64) (*request, error) {
	r := &request{body: body, slots: b.slots, values: make([]uint64, len(b.slots)), first: first}
	found := make([]bool, len(b.slots))
	add := func(at int, n uint64) error {
		if n >= uint64(len(found)) || at < 0 {
			return fmt.Errorf("load: what looks like placeholder %d at byte %d is none; choose another seed", n, at)
		}
		found[n] = true
		r.places = append(r.places, place{uint32(at), uint32(n)}) //nolint:gosec // bodies are below 4 GB
		return nil
	}
	for at := range occurrences(body, binary.LittleEndian.AppendUint32(nil, magic)) {
		if err := add(at-4, uint64(binary.LittleEndian.Uint32(body[at-4:]))); err != nil {
			return nil, err
		}
	}
	for at := range occurrences(body, []byte(textMagic)) {
		n, err := strconv.ParseUint(string(body[at+len(textMagic):at+8]), 10, 32)
		if err != nil {
			continue // two bytes of a number that happen to be the mark
		}
		if err := add(at, n); err != nil {
			return nil, err
		}
	}
	for n, is := range found {
		if !is {
			return nil, fmt.Errorf("load: placeholder %d of kind %d is not in the encoded request", n, b.slots[n].kind)
		}
	}
	return r, nil
}

// occurrences yields where mark is in body, with room for a placeholder before and behind.
func occurrences(body, mark []byte) iter.Seq[int] {
	return func(yield func(int) bool) {
		for at := 4; at+8 <= len(body); at += len(mark) {
			i := bytes.Index(body[at:len(body)-8+len(mark)], mark)
			if i < 0 || !yield(at+i) {
				return
			}
			at += i
		}
	}
}

// render writes the values of a round into the body and returns it. It is valid until the next call.
func (r *request) render(now time.Time, round uint64) []byte {
	random := rand.New(rand.NewPCG(r.first, round)) //nolint:gosec // the same numbers for the same round
	nano := uint64(now.UnixNano())                  //nolint:gosec // after 1970
	for i, s := range r.slots {
		var v uint64
		switch s.kind {
		case moment:
			v = nano - s.step
		case counter:
			v = s.step * (round + 1)
		case total:
			v = math.Float64bits(math.Float64frombits(s.step) * float64(round+1))
		case measure:
			v = math.Float64bits(float64(random.IntN(100_000)) / 100)
		case id:
			v = random.Uint64() | 1
		case digits:
			v = decimal(random.Uint32())
		case lap:
			v = decimal(uint32(round)) //nolint:gosec // below 10^8
		}
		r.values[i] = v
	}
	for _, p := range r.places {
		binary.LittleEndian.PutUint64(r.body[p.at:], r.values[p.slot])
	}
	return r.body
}

// decimal is the last eight digits of n as text, little endian.
func decimal(n uint32) (v uint64) {
	for v>>56 == 0 {
		v = v<<8 | uint64('0'+n%10)
		n /= 10
	}
	return v
}

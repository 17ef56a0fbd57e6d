package isolation

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// statsPayload takes a msgpack StatsPayload into account.
func (c *Checker) statsPayload(b []byte) {
	m := msgpack{rest: b}
	c.packed("", &m)
	if m.bad || len(m.rest) > 0 {
		c.fail(errors.New("not msgpack"))
	}
}

// packed takes the next value of m, which is under a key.
func (c *Checker) packed(key string, m *msgpack) {
	v := m.next()
	if m.bad || c.err != nil {
		return
	}
	switch v.kind {
	case packedMap:
		for range v.number {
			name := m.next()
			if m.bad || name.kind != packedText {
				m.bad = true
				return
			}
			c.enter(string(name.text))
			c.text(string(name.text))
			c.packed(string(name.text), m)
			c.leave()
		}
	case packedArray:
		for range v.number {
			c.packed(key, m)
		}
	case packedText:
		if len(v.text) > 0 {
			c.text(string(v.text))
		}
	case packedBytes:
		c.message(ddSketch, v.text)
	case packedNumber:
		c.statsNumber(key, v.number)
	}
}

func (c *Checker) statsNumber(key string, v uint64) {
	switch key {
	case "Hits":
		c.count(v)
	case "Errors", "TopLevelHits":
		if v != 0 {
			c.count(v)
		}
	case "Duration": // of a group the sum of its spans', of a bucket its length
		if v != bucketLength {
			c.count(v)
		}
	case "Start", "AgentTimeShift", "Sequence", "ProcessTagsHash", "HTTPStatusCode", "IsTraceRoot":
		// not about whose it is
	default:
		c.fail(fmt.Errorf("number %d is unknown", v))
	}
}

// bucketLength is that of a bucket of stats, in ns. No prime of an owner divides it.
const bucketLength = 10_000_000_000

// ddSketch is a DDSketch as github.com/DataDog/sketches-go writes it: bins of durations.
var ddSketch = &schema{fields: fields{
	1: {name: "mapping", leaf: asPlain},
	2: {name: "positiveValues", of: &schema{enter: durations, fields: fields{1: {name: "binCounts", leaf: asPlain}, 2: {name: "contiguousBinCounts", leaf: asPlain}, 3: {name: "contiguousBinIndexOffset", leaf: asPlain}}}},
	3: {name: "negativeValues", of: &schema{}},
	4: {name: "zeroCount", leaf: asPlain},
}}

// durations takes the bins that something is in: bin i is about gamma^i ns, with an accuracy of 1 %.
func durations(c *Checker, b []byte) {
	var counts []byte
	offset := int64(0)
	eachField(c, b, func(number protowire.Number, v value) {
		switch number {
		case 2:
			counts = v.text
		case 3:
			offset = protowire.DecodeZigZag(v.number)
		}
	})
	gamma := math.Log(1.01 / 0.99)
	for i := int64(0); len(counts) >= 8; i++ {
		n, _ := protowire.ConsumeFixed64(counts)
		counts = counts[8:]
		if n != 0 {
			c.belongs(sized(math.Exp((float64(offset+i)+0.5)*gamma)), fmt.Sprintf("bin %d", offset+i))
		}
	}
}

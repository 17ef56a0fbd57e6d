package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// Mark names one sending of one request. It stands in the name of the pod that the request is of, which every exporter sends with every item or
// with every group of them, so whoever takes a body can tell which requests its items came in.
//
// The pod of metrics is the same in every round, or each round would have series of its own. Its mark says when: Round is then the Unix second of
// the points.
type Mark struct {
	Load    uint8
	Request uint32
	Round   uint32
}

// The form in a name: "-zq", two hexadecimal digits of the load, eight digits of the round, a hyphen, five digits of the request. Nothing else of
// a load holds the first three bytes, and a body that does by chance rarely goes on with digits.
const (
	markBegin  = "-zq"
	markLength = len(markBegin) + 2 + 8 + 1 + 5
)

// maxRequests is how many five digits can tell apart.
const maxRequests = 100_000

// mark is the end of a pod's name.
func (b *builder) mark(request int) string {
	round := "00000000"
	if b.laps {
		round = b.lap()
	}
	return fmt.Sprintf(markBegin+"%02x%s-%05d", b.load, round, request)
}

// FindMark returns the first mark in text. Its Round is that of the text: 0 for metrics.
func FindMark(text []byte) (m Mark, ok bool) {
	for {
		i := bytes.Index(text, []byte(markBegin))
		if i < 0 || len(text)-i < markLength {
			return Mark{}, false
		}
		if m, ok = parseMark(text[i+len(markBegin) : i+markLength]); ok {
			return m, true
		}
		text = text[i+len(markBegin):]
	}
}

func parseMark(digits []byte) (m Mark, ok bool) {
	load, err1 := strconv.ParseUint(string(digits[:2]), 16, 8)
	round, err2 := strconv.ParseUint(string(digits[2:10]), 10, 32)
	request, err3 := strconv.ParseUint(string(digits[11:]), 10, 32)
	return Mark{uint8(load), uint32(request), uint32(round)}, err1 == nil && err2 == nil && err3 == nil && digits[10] == '-'
}

package logs

import (
	"bytes"
	"cmp"
	"slices"
	"unicode/utf8"
)

const (
	// maxLogBytes is what the intake keeps of one log. It answers 2xx to a longer one and cuts it, in a way that is not documented.
	// https://docs.datadoghq.com/api/latest/logs/#send-logs
	maxLogBytes = 1_000_000
	// cutMark ends a text that was cut.
	cutMark = "…[truncated]"
	// minCutBytes is the length up to which a text is left whole: names, times and tags of usual size.
	minCutBytes = 256
)

// cut shortens the longest texts of the JSON object that dst ends with, from start on, until it has at most limit bytes, and marks them. It reports false,
// and leaves the object as it is, if its long texts are not enough. A text that is JSON itself is none after that.
func cut(dst []byte, start, limit int) ([]byte, bool) {
	texts := textsOf(dst, start)
	slices.SortFunc(texts, func(a, b span) int { return cmp.Compare(b.end-b.start, a.end-a.start) })
	over, cuts := len(dst)-start-limit, 0
	for ; over > 0; cuts++ {
		if cuts == len(texts) || texts[cuts].end-texts[cuts].start <= minCutBytes {
			return dst, false
		}
		t := &texts[cuts]
		t.start = wholeUpTo(dst[t.start:t.end], max(t.end-t.start-over-len(cutMark), 0)) + t.start
		over -= t.end - t.start - len(cutMark)
	}
	texts = texts[:cuts]
	slices.SortFunc(texts, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	to, from := start, start
	for _, t := range texts { // what is removed always is longer than the mark, so nothing that is still to be read is written over
		to += copy(dst[to:], dst[from:t.start])
		to += copy(dst[to:], cutMark)
		from = t.end
	}
	to += copy(dst[to:], dst[from:])
	return dst[:to], true
}

// textsOf finds the insides of the strings, other than names, of the JSON object that buf ends with.
func textsOf(buf []byte, start int) (texts []span) {
	for i := start; ; {
		begin := bytes.IndexByte(buf[i:], '"')
		if begin < 0 {
			return texts
		}
		begin += i + 1
		end := begin
		for buf[end] != '"' {
			if buf[end] == '\\' {
				end++
			}
			end++
		}
		if i = end + 1; buf[i] != ':' {
			texts = append(texts, span{begin, end})
		}
	}
}

// wholeUpTo is the largest number of bytes, at most limit, after which no character or escape of the inside of a JSON string is cut.
func wholeUpTo(inside []byte, limit int) int {
	for i := 0; ; {
		size := 1
		switch c := inside[i]; {
		case c == '\\' && inside[i+1] == 'u':
			size = len(`\u0000`)
		case c == '\\':
			size = 2
		case c >= utf8.RuneSelf:
			_, size = utf8.DecodeRune(inside[i:])
		}
		if i+size > limit {
			return i
		}
		i += size
	}
}

package events

import (
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// Limits in characters, counted as UTF-16 does: an emoji is two. Where Datadog counts code points, that is on the safe side.
//
// Text and aggregation key: https://docs.datadoghq.com/api/latest/events/#post-an-event. Of the title version 1 of the API states no limit;
// this one, the number of tags and the length of names are version 2's. Message of a check: what Datadog shows of it,
// https://docs.datadoghq.com/api/latest/service-checks/. Tag: https://docs.datadoghq.com/getting_started/tagging/.
const (
	maxTitle          = 500
	maxText           = 4000
	maxAggregationKey = 100
	maxName           = 255 // host, device, source, check
	maxMessage        = 500
	maxTag            = 200
	maxTags           = 100
)

// The marks of what was cut. That of a tag is made of characters that Datadog keeps in a tag.
const (
	cutMark     = "…[truncated]"
	cutTagMark  = "...truncated"
	tagsCutMark = "tags_truncated:true"
)

// fitting returns how many bytes of s are at most max characters; all of s if it is not longer. A byte that is not UTF-8 is a character.
func fitting[T string | []byte](s T, max int) int {
	if len(s) <= max {
		return len(s)
	}
	chars := 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
		if chars++; r > 0xffff {
			chars++
		}
		if chars > max {
			return i
		}
		i += size
	}
	return len(s)
}

// cut shortens s to max characters, the mark at its end included.
func cut(s []byte, max int, mark string) []byte {
	if fitting(s, max) == len(s) {
		return s
	}
	return append(s[:fitting(s, max-utf8.RuneCountInString(mark))], mark...)
}

// markdownEnd ends a text that begins with markdownBegin, and is to be shown as markdown.
const markdownBegin, markdownEnd = "%%%", "\n %%%"

// cutText shortens the text of an event. Markdown stays markdown.
func cutText(s []byte) []byte {
	if fitting(s, maxText) == len(s) {
		return s
	}
	if len(s) < len(markdownBegin) || string(s[:len(markdownBegin)]) != markdownBegin {
		return cut(s, maxText, cutMark)
	}
	return append(cut(s, maxText-len(markdownEnd), cutMark), markdownEnd...)
}

// cutKey shortens an aggregation key. A hash of all of it takes the place of what is cut, so that two keys that begin alike stay two.
func cutKey(s []byte) []byte {
	if fitting(s, maxAggregationKey) == len(s) {
		return s
	}
	sum := sha256.Sum256(s)
	const hashBytes = 8
	s = s[:fitting(s, maxAggregationKey-len("~")-2*hashBytes)]
	return hex.AppendEncode(append(s, '~'), sum[:hashBytes])
}

// appendMember appends "name":"value", to an object. name comes with its quotes and colon.
func appendMember(dst []byte, name string, value []byte) []byte {
	dst = append(dst, name...)
	dst = attributes.AppendJSONString(dst, value)
	return append(dst, ',')
}

// appendName appends a member that is a name, unless it is empty.
func (g *mapping) appendName(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	g.text = append(g.text[:0], value...)
	return appendMember(dst, name, cut(g.text, maxName, cutMark))
}

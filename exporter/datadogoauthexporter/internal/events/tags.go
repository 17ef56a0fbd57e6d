package events

import (
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// tagList is the inside of a JSON array of tags.
type tagList struct {
	text []byte       // each tag as a JSON string with a comma behind it
	n    int          // tags, of which the first maxTags are in text
	ends [maxTags]int // where each of them ends
}

func (t *tagList) reset() { t.text, t.n = t.text[:0], 0 }

// add appends a tag, cut to what Datadog keeps of one. tag may be changed.
func (t *tagList) add(tag []byte) {
	if len(tag) == 0 {
		return
	}
	if t.n < maxTags {
		t.text = attributes.AppendJSONString(t.text, cut(tag, maxTag, cutTagMark))
		t.text = append(t.text, ',')
		t.ends[t.n] = len(t.text)
	}
	t.n++
}

// first is the text of at most limit tags, and how many these are.
func (t *tagList) first(limit int) ([]byte, int) {
	n := min(t.n, limit)
	if n == 0 {
		return nil, 0
	}
	return t.text[:t.ends[n-1]], n
}

// appendTags appends the member tags and ends the object: first the tags that the record lists, then those of the resource, then its other
// attributes. Of more than maxTags the last ones give way to one that says so.
func (g *mapping) appendTags(dst []byte) []byte {
	dst = append(dst, `"tags":[`...)
	room := maxTags
	many := g.own.n+g.resource.n+g.others.n > maxTags
	if many {
		room--
	}
	for _, list := range [...]*tagList{&g.own, &g.resource, &g.others} {
		text, n := list.first(room)
		dst = append(dst, text...)
		room -= n
	}
	if many {
		dst = append(dst, `"`+tagsCutMark+`",`...)
	}
	if dst[len(dst)-1] == ',' {
		dst = dst[:len(dst)-1]
	}
	return append(dst, ']', '}')
}

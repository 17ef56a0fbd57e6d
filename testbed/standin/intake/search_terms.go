package intake

import (
	"slices"
	"strings"
)

// terms is a search: all must match. The subset of Datadog's search syntax is
//
//   - word   "some words"   key:value   key:"a value"   @attribute.path:value   -term   NOT term   term AND term
//
// with '*' as wildcard in values that are not quoted, and '\' before a character that is to be taken as it is.
type terms []term

type term struct {
	negated bool
	isAttr  bool   // @key:value
	key     string // "" for words of the message
	value   []piece
}

// piece is a part of a value: text, or a wildcard.
type piece struct {
	text string
	wild bool
}

// searchable is a record under search.
type searchable interface {
	// values returns what the record has under a key; isAttr tells @key from key.
	values(key string, isAttr bool) []string
	// words is the text that words without key are looked for in.
	words() string
}

func (ts terms) match(s searchable) bool {
	for _, t := range ts {
		if t.match(s) == t.negated {
			return false
		}
	}
	return true
}

func (t term) match(s searchable) bool {
	if t.key == "" {
		// A word stands anywhere in the text.
		return matchPieces(slices.Concat([]piece{{wild: true}}, t.value, []piece{{wild: true}}), strings.ToLower(s.words()))
	}
	return slices.ContainsFunc(s.values(t.key, t.isAttr), func(v string) bool {
		return matchPieces(t.value, strings.ToLower(v))
	})
}

// matchPieces compares with s, which is in lower case.
func matchPieces(pieces []piece, s string) bool {
	if len(pieces) == 0 {
		return s == ""
	}
	if !pieces[0].wild {
		rest, ok := strings.CutPrefix(s, pieces[0].text)
		return ok && matchPieces(pieces[1:], rest)
	}
	pieces = pieces[1:]
	if len(pieces) == 0 || len(pieces) == 1 && pieces[0].wild {
		return true
	}
	if pieces[0].wild {
		return matchPieces(pieces, s)
	}
	if len(pieces) == 1 {
		return strings.HasSuffix(s, pieces[0].text)
	}
	// The first place will do: whatever follows is after a wildcard again.
	i := strings.Index(s, pieces[0].text)
	return i >= 0 && matchPieces(pieces[1:], s[i+len(pieces[0].text):])
}

// parseTerms reads a search; "" is "*".
func parseTerms(query string) (terms, error) {
	var ts terms
	negated := false
	for rest := strings.TrimSpace(query); rest != ""; rest = strings.TrimSpace(rest) {
		var t term
		var err error
		var bare string
		t, bare, rest, err = parseTerm(rest)
		switch {
		case err != nil:
			return nil, badRequest("query %.200q: %v", query, err)
		case bare == "AND":
			continue
		case bare == "NOT":
			negated = true
			continue
		case bare == "OR":
			return nil, badRequest("query %.200q: the stand-in does not imitate OR", query)
		}
		t.negated, negated = t.negated != negated, false
		if t.key != "" || bare != "*" || t.negated {
			ts = append(ts, t)
		}
	}
	if negated {
		return nil, badRequest("query %.200q: nothing follows NOT", query)
	}
	return ts, nil
}

// parseTerm cuts one term off the front. bare is its text if it has neither key nor quotes.
func parseTerm(s string) (t term, bare, rest string, err error) {
	whole := s
	s, t.negated = strings.CutPrefix(s, "-")
	s, t.isAttr = strings.CutPrefix(s, "@")
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			t.value = append(t.value, piece{text: strings.ToLower(text.String())})
			text.Reset()
		}
	}
	quoted, wasQuoted, i := false, false, 0
scan:
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			text.WriteByte(s[i])
		case c == '"':
			quoted, wasQuoted = !quoted, true
		case quoted:
			text.WriteByte(c)
		case c == ' ' || c == '\t' || c == '\n':
			break scan
		case c == ':' && t.key == "" && text.Len() > 0 && len(t.value) == 0:
			t.key = text.String()
			text.Reset()
		case c == '*':
			flush()
			t.value = append(t.value, piece{wild: true})
		case strings.IndexByte("()[]{}<>", c) >= 0:
			return t, "", "", badRequest("the stand-in does not imitate %q", c)
		default:
			text.WriteByte(c)
		}
	}
	flush()
	switch {
	case quoted:
		return t, "", "", badRequest("a quote is not closed")
	case t.isAttr && t.key == "":
		return t, "", "", badRequest("@ needs an attribute and a value, as in @name:value")
	case len(t.value) == 0 && !wasQuoted:
		return t, "", "", badRequest("a term without value")
	}
	if t.key == "" && !wasQuoted {
		bare = whole[:len(whole)-len(s)+i]
	}
	return t, bare, s[i:], nil
}

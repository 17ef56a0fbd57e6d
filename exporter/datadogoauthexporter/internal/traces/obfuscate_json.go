package traces

import "strings"

// documentWithoutValues is a statement of a document database with "?" in the place of values: JSON, or the name of an operation with or without
// JSON behind it, as some instrumentations write it. Of anything else only the name stays.
func (a *arena) documentWithoutValues(statement string) string {
	text := strings.TrimSpace(statement)
	n := 0
	for n < len(text) && (isASCIILetter(text[n]) || isASCIIDigit(text[n]) || text[n] == '_' || text[n] == '.') {
		n++
	}
	if n == 0 || !isASCIILetter(text[0]) {
		return a.jsonWithoutValues(statement)
	}
	operation, rest := text[:n], strings.TrimLeft(text[n:], " \t\r\n")
	if rest == "" {
		return operation
	}
	from := len(a.buf)
	a.buf = append(append(a.buf, operation...), ' ')
	if rest[0] == '{' || rest[0] == '[' {
		a.buf = appendJSONWithoutValues(a.buf, rest)
	} else {
		a.buf = append(a.buf, '?')
	}
	return a.since(from)
}

// jsonWithoutValues is JSON with "?" in the place of every string, number, boolean and null; keys stay, blanks do not. Several documents may
// follow one another. Where it is no JSON any more it ends, with "..." as the last word.
//
// This is what Datadog's agent makes of mongodb.query and its like (pkg/obfuscate v0.85.2), but that a value after a document is hidden too.
func (a *arena) jsonWithoutValues(text string) string {
	from := len(a.buf)
	a.buf = appendJSONWithoutValues(a.buf, text)
	return a.since(from)
}

const (
	hiddenValue = `"?"`
	// maxJSONDepth is how deep objects and arrays may lie in one another; what is deeper is taken for no JSON.
	maxJSONDepth = 256
)

// jsonState says what may come next.
type jsonState uint8

const (
	jsonValue      jsonState = iota
	jsonFirstValue           // of an array: or its end
	jsonKey
	jsonFirstKey // of an object: or its end
	jsonColon
	jsonNext  // a comma, or the end of the object or array
	jsonAfter // a document has ended
)

func appendJSONWithoutValues(dst []byte, text string) []byte {
	var objects [maxJSONDepth]bool // by depth: an object, not an array
	depth, state, hidden := 0, jsonValue, false
	for i := 0; i < len(text); {
		c := text[i]
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			if state == jsonAfter {
				dst = append(dst, c) // between documents
			}
			i++
			continue
		}
		if state == jsonAfter {
			state = jsonValue
		}
		switch {
		case (state == jsonFirstKey || state == jsonKey) && c == '"':
			n, whole := jsonString(text[i:])
			dst = append(dst, text[i:i+n]...)
			if !whole {
				return append(dst, "..."...)
			}
			i, state = i+n, jsonColon
			continue
		case state == jsonColon && c == ':':
			state = jsonValue
		case state == jsonNext && c == ',':
			state = jsonValue
			if objects[depth-1] {
				state = jsonKey
			}
		case (state == jsonNext || state == jsonFirstKey) && c == '}' && objects[depth-1],
			(state == jsonNext || state == jsonFirstValue) && c == ']' && !objects[depth-1]:
			depth--
			state, hidden = after(depth), false
		case state != jsonValue && state != jsonFirstValue, (c == '{' || c == '[') && depth == maxJSONDepth:
			return append(dst, "..."...)
		case c == '{' || c == '[':
			objects[depth] = c == '{'
			depth++
			state = jsonFirstValue
			if c == '{' {
				state = jsonFirstKey
			}
		default:
			n, whole := jsonLiteral(text[i:])
			if n == 0 {
				return append(dst, "..."...)
			}
			if depth > 0 || !hidden { // one for values that follow one another without a document around them
				dst = append(dst, hiddenValue...)
			}
			if !whole {
				return append(dst, "..."...)
			}
			i, state = i+n, after(depth)
			hidden = depth == 0
			continue
		}
		dst = append(dst, c)
		i++
	}
	if state != jsonAfter {
		dst = append(dst, "..."...)
	}
	return dst
}

func after(depth int) jsonState {
	if depth == 0 {
		return jsonAfter
	}
	return jsonNext
}

// jsonLiteral is the length of the string, number or word with which text begins, 0 if it begins with none, and whether it is whole.
func jsonLiteral(text string) (n int, whole bool) {
	switch c := text[0]; {
	case c == '"':
		return jsonString(text)
	case c == '-' || isASCIIDigit(c):
		return jsonNumber(text)
	case c == 't':
		return jsonWord(text, "true")
	case c == 'f':
		return jsonWord(text, "false")
	case c == 'n':
		return jsonWord(text, "null")
	}
	return 0, false
}

func jsonWord(text, word string) (n int, whole bool) {
	for n < len(word) && n < len(text) && text[n] == word[n] {
		n++
	}
	return n, n == len(word)
}

// jsonString reads up to the closing quote, or to what no string has.
func jsonString(text string) (n int, whole bool) {
	for n = 1; n < len(text); n++ {
		switch c := text[n]; {
		case c == '"':
			return n + 1, true
		case c < ' ':
			return n, false
		case c == '\\':
			if n++; n == len(text) {
				return n, false
			}
			switch text[n] {
			case 'b', 'f', 'n', 'r', 't', '\\', '/', '"':
			case 'u':
				for range 4 {
					if n+1 == len(text) || !isHexDigit(text[n+1]) {
						return n + 1, false
					}
					n++
				}
			default:
				return n, false
			}
		}
	}
	return n, false
}

func isHexDigit(c byte) bool {
	return isASCIIDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func jsonNumber(text string) (n int, whole bool) {
	digits := func() bool {
		from := n
		for n < len(text) && isASCIIDigit(text[n]) {
			n++
		}
		return n > from
	}
	if text[n] == '-' {
		n++
	}
	if n < len(text) && text[n] == '0' {
		n++
	} else if !digits() {
		return n, false
	}
	if n < len(text) && text[n] == '.' {
		if n++; !digits() {
			return n, false
		}
	}
	if n < len(text) && (text[n] == 'e' || text[n] == 'E') {
		if n++; n < len(text) && (text[n] == '+' || text[n] == '-') {
			n++
		}
		if !digits() {
			return n, false
		}
	}
	return n, true
}

package intake

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// The functions here cut valid JSON into its parts without decoding them, so that a load of logs costs little. Called with
// anything that json.Valid refuses they may panic.

// jsonElements calls f with each element of a JSON array.
func jsonElements(array []byte, f func(element []byte)) {
	for i := skipSpace(array, skipSpace(array, 0)+1); array[i] != ']'; {
		end := jsonEnd(array, i)
		f(array[i:end])
		i = nextPart(array, end)
	}
}

// jsonMembers calls f with each member of a JSON object. key is quoted as in the text.
func jsonMembers(object []byte, f func(key, value []byte)) {
	for i := skipSpace(object, skipSpace(object, 0)+1); object[i] != '}'; {
		keyEnd := jsonEnd(object, i)
		value := skipSpace(object, skipSpace(object, keyEnd)+1) // past the colon
		end := jsonEnd(object, value)
		f(object[i:keyEnd], object[value:end])
		i = nextPart(object, end)
	}
}

// jsonText decodes a quoted string.
func jsonText(quoted []byte) string {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(quoted, &s) // the text is valid
	return s
}

// nextPart skips a comma, if there is one, and space around it.
func nextPart(b []byte, i int) int {
	i = skipSpace(b, i)
	if b[i] == ',' {
		i = skipSpace(b, i+1)
	}
	return i
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// jsonEnd returns where the value that begins at b[i] ends.
func jsonEnd(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // the end of what holds a bare number or word
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\t', '\r', ':':
			if depth == 0 {
				return i
			}
		}
	}
	return i
}

package traces

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of the intake in bytes, datadog-agent pkg/trace/traceutil/normalize and pkg/trace/agent (truncator, normalizer).
const (
	maxNameBytes     = 100 // operation names, services and types
	maxResourceBytes = 5000
	maxKeyBytes      = 200
	maxValueBytes    = 25_000
	maxTagRunes      = 200
	maxTagBytes      = 400

	truncationMark = "..."
)

// What a span without a usable name or service is called.
const (
	unnamedOperation = "unnamed_operation"
	unnamedService   = "unnamed-service"
)

// tagValue makes s a tag value: lower case where that does not change a letter's width, one underscore for each run of what is
// neither letter, digit nor one of ":./-", none at the end, 200 characters at most.
func (a *arena) tagValue(s string) string {
	if isTagValue(s) {
		return s
	}
	from := len(a.buf)
	a.buf = appendTagValue(a.buf, s)
	return a.since(from)
}

func isTagValue(s string) bool {
	if len(s) > maxTagRunes {
		return false
	}
	for i := 0; i < len(s); i++ {
		if plainInTag[s[i]] {
			continue
		}
		if s[i] != '_' || i+1 == len(s) || !plainInTag[s[i+1]] {
			return false
		}
	}
	return true
}

// plainInTag marks the ASCII characters that stand for themselves in a tag.
var plainInTag = func() (plain [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789:./-" {
		plain[c] = true
	}
	return plain
}()

func appendTagValue(dst []byte, s string) []byte {
	runes, gap := 0, false // gap: characters without a place in a tag since the last one appended
	for i, r := range s {
		width := utf8.RuneLen(r)
		if r == utf8.RuneError {
			_, width = utf8.DecodeRuneInString(s[i:])
		}
		if unicode.IsUpper(r) {
			if low := unicode.ToLower(r); utf8.RuneLen(low) == width {
				r = low
			}
		}
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r < utf8.RuneSelf && plainInTag[r] {
			if gap {
				dst = append(dst, '_')
				gap = false
			}
			dst = utf8.AppendRune(dst, r)
		} else {
			gap = true
		}
		runes++
		if i+width >= maxTagBytes || runes >= maxTagRunes {
			break
		}
	}
	return dst
}

// service makes s a service name.
func (a *arena) service(s string) string {
	if s = a.tagValue(truncateUTF8(s, maxNameBytes)); s == "" {
		return unnamedService
	}
	return s
}

// peerService is service without a name for the nameless.
func (a *arena) peerService(s string) string { return a.tagValue(truncateUTF8(s, maxNameBytes)) }

// operationName makes s an operation name: it starts with an ASCII letter, any run of what is not an ASCII letter, digit or "."
// is one underscore, and an underscore beside a "." or at the end goes away.
func (a *arena) operationName(s string) string {
	s = truncateUTF8(s, maxNameBytes)
	start := 0
	for start < len(s) && !isASCIILetter(s[start]) {
		start++
	}
	if s = s[start:]; s == "" {
		return unnamedOperation
	}
	if isOperationName(s) {
		return strings.TrimSuffix(s, "_")
	}
	from := len(a.buf)
	for i := 0; i < len(s); i++ {
		last := len(a.buf) - 1 // the first round appends a letter, so later ones find one
		switch c := s[i]; {
		case isASCIILetter(c) || isASCIIDigit(c):
			a.buf = append(a.buf, c)
		case c == '.' && a.buf[last] == '_':
			a.buf[last] = '.'
		case c == '.':
			a.buf = append(a.buf, '.')
		case a.buf[last] != '.' && a.buf[last] != '_':
			a.buf = append(a.buf, '_')
		}
	}
	return strings.TrimSuffix(a.since(from), "_")
}

// isOperationName reports whether a text that starts with a letter is a valid name, but for an underscore at its end. One after a
// "." is allowed here, though operationName would not write it: names that pass unchanged are the stable ones.
func isOperationName(s string) bool {
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case isASCIILetter(c) || isASCIIDigit(c):
		case (c == '.' || c == '_') && s[i-1] != '_':
		default:
			return false
		}
	}
	return true
}

func isASCIILetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isASCIIDigit(c byte) bool  { return c >= '0' && c <= '9' }

// truncateUTF8 cuts s to limit bytes and to fewer where that would split a character.
func truncateUTF8(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	s = s[:limit]
	for len(s) > 0 {
		if r, width := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || width != 1 {
			break
		}
		s = s[:len(s)-1]
	}
	return s
}

// cut is s, if longer than limit cut to it and marked.
func (a *arena) cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return a.join(truncateUTF8(s, limit), truncationMark)
}

// validUTF8 is s with U+FFFD for each run of bytes that is not UTF-8.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

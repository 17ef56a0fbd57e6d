package attributes

import "unicode/utf8"

// AppendJSONString appends s as a JSON string, quotes included. A byte that is not UTF-8 becomes U+FFFD, so two texts are the
// same JSON exactly when they are the same bytes in dst. Nothing is escaped for HTML.
func AppendJSONString[T string | []byte](dst []byte, s T) []byte {
	return appendQuoted(dst, s, "\ufffd")
}

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string with invalid in place of each byte that is not UTF-8. U+2028 and U+2029 are escaped as
// encoding/json does.
func appendQuoted[T string | []byte](dst []byte, s T, invalid string) []byte {
	dst = append(dst, '"')
	copied := 0 // s[:copied] is in dst
	for i := 0; i < len(s); {
		if i+8 <= len(s) && allPlain(uint64(s[i])|uint64(s[i+1])<<8|uint64(s[i+2])<<16|uint64(s[i+3])<<24|
			uint64(s[i+4])<<32|uint64(s[i+5])<<40|uint64(s[i+6])<<48|uint64(s[i+7])<<56) {
			i += 8
			continue
		}
		c := s[i]
		if plainInJSON[c] {
			i++
			continue
		}
		if c < utf8.RuneSelf {
			dst = append(dst, s[copied:i]...)
			switch c {
			case '"', '\\':
				dst = append(dst, '\\', c)
			case '\n':
				dst = append(dst, '\\', 'n')
			case '\r':
				dst = append(dst, '\\', 'r')
			case '\t':
				dst = append(dst, '\\', 't')
			case '\b':
				dst = append(dst, '\\', 'b')
			case '\f':
				dst = append(dst, '\\', 'f')
			default:
				dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
			}
			i++
			copied = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(len(s), i+utf8.UTFMax)]))
		switch {
		case r == utf8.RuneError && size == 1:
			dst = append(dst, s[copied:i]...)
			dst = append(dst, invalid...)
			copied = i + size
		case r == '\u2028' || r == '\u2029':
			dst = append(dst, s[copied:i]...)
			dst = append(dst, '\\', 'u', '2', '0', '2', hexDigits[r&0xf])
			copied = i + size
		}
		i += size
	}
	dst = append(dst, s[copied:]...)
	return append(dst, '"')
}

// allPlain reports whether eight bytes all stand for themselves in a JSON string. Each term sets the high bit of a byte that
// does not, or of one above such a byte: one outside ASCII, below a space, a quote, a backslash.
func allPlain(eight uint64) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	control := eight - ones*' '
	quote := (eight ^ ones*'"') - ones
	backslash := (eight ^ ones*'\\') - ones
	return (eight|control|quote|backslash)&highs == 0
}

// plainInJSON marks the ASCII bytes that stand for themselves in a JSON string.
var plainInJSON = func() (plain [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

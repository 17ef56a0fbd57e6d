package incidents

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// cutKey shortens a key to maxKey. A hash of all of it takes the place of what is cut, so that two keys that begin alike stay two.
func cutKey(s string) string {
	if utf8.RuneCountInString(s) <= maxKey {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	const hashBytes = 8
	return prefix(s, maxKey-len("~")-2*hashBytes) + "~" + hex.EncodeToString(sum[:hashBytes])
}

// digest is a short hash of a record that is stated to be of a time, and the length of what it was made of.
func digest(r Record, stated pcommon.Timestamp) (sum string, bytes int) {
	r.At = int64(stated)      // an order is not wanted here, so what does not fit into 63 bits does no harm
	raw, _ := json.Marshal(r) // texts, and a map whose keys are sorted
	hash := sha256.Sum256(raw)
	return base64.RawStdEncoding.EncodeToString(hash[:9]), len(raw)
}

// handleOf reads a notification handle. One that is cut would be another's, so one that is too long is none.
func handleOf(text string) (handle string, ok bool) {
	if !strings.HasPrefix(text, "@") {
		text = "@" + text
	}
	return text, len(text) > len("@") && utf8.RuneCountInString(text) <= maxListedText && !strings.ContainsFunc(text, unicode.IsControl)
}

// isUUID reports whether s is written as 8-4-4-4-12 hexadecimal digits, as the ids of incident types are.
func isUUID(s string) bool {
	if len(s) != len("00000000-0000-0000-0000-000000000000") {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20 // lower case
		switch i {
		case 8, 13, 18, 23:
			if s[i] != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// cut shortens s to max code points, the mark included.
func cut(s string, max int) string {
	if utf8.RuneCountInString(s) <= max {
		return s
	}
	return prefix(s, max-utf8.RuneCountInString(cutMark)) + cutMark
}

// prefix is the first n code points of s, which has more.
func prefix(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}

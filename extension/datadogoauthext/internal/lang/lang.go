// Package lang chooses the language of a page.
package lang

import (
	"strconv"
	"strings"
)

// Lang is a language that pages are written in, as its subtag of BCP 47.
type Lang string

// The languages that there are.
const (
	English Lang = "en"
	Korean  Lang = "ko"
)

// All are the languages, the default first.
func All() []Lang { return []Lang{English, Korean} }

// maxHeader bounds what is read of a header. No browser sends as much.
const maxHeader = 1024

// Of reads an Accept-Language header: the language that it likes best, of two alike the one that it names first, and English where it names
// none of them. A region or a script does not matter, since there is one text for each language. RFC 9110 §12.5.4
func Of(header string) Lang {
	best, most := English, 0.0
	for part := range strings.SplitSeq(header[:min(len(header), maxHeader)], ",") {
		tag, weight, weighted := strings.Cut(part, ";")
		q := 1.0
		if weighted {
			value, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
			parsed, err := strconv.ParseFloat(value, 64)
			if !ok || err != nil || !(parsed >= 0 && parsed <= 1) {
				continue
			}
			q = parsed
		}
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		for _, l := range All() {
			if primary == string(l) && q > most {
				best, most = l, q
			}
		}
	}
	return best
}

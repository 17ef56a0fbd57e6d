// Package peertext makes what another system wrote fit to be shown in an error, a log line or a page.
//
// Datadog, a proxy in between or whoever crafts a callback may echo anything there, credentials included.
package peertext

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Quote bounds text, puts it on one line, and hides secrets and every word that could be a piece of a credential: one of 12 characters
// or more that is not made of small letters, with at most a capital in front. The words that people write, and the codes of RFC 6749, pass.
func Quote(text string, maxBytes int, secrets ...string) string {
	text = opaque.ReplaceAllStringFunc(oneLine(text, secrets, func(r rune) bool { return r <= unicode.MaxASCII }), func(word string) string {
		if plainWord.MatchString(word) {
			return word
		}
		return hidden
	})
	return cut(text, maxBytes) // last: half a secret is one that nothing recognises
}

// Name bounds a peer's name for something, such as an organisation's, and puts it on one line. It may be in any script; marks that change the direction
// of writing, and others that nobody sees, are no part of it. Only secrets are hidden in it, so use it for fields that hold a name and nothing else.
func Name(text string, maxBytes int, secrets ...string) string {
	return cut(oneLine(text, secrets, func(r rune) bool { return r != utf8.RuneError }), maxBytes)
}

var (
	opaque    = regexp.MustCompile(`[A-Za-z0-9_.~+/=%-]{12,}`)
	plainWord = regexp.MustCompile(`^[A-Z]?[a-z_.-]{1,32}$`)
)

const hidden = "[hidden]"

// oneLine hides secrets, and puts a space in place of what is not printable and what is not to be kept. Of a text RFC 6749 §5.2 allows printable ASCII.
func oneLine(text string, secrets []string, keep func(rune) bool) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, hidden)
		}
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || !keep(r) {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

func cut(text string, maxBytes int) string {
	if len(text) <= maxBytes {
		return text
	}
	for maxBytes > 0 && !utf8.RuneStart(text[maxBytes]) {
		maxBytes--
	}
	return text[:maxBytes] + "…"
}

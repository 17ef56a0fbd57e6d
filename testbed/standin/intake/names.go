package intake

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxMetricName = 200 // characters
	maxTag        = 200 // characters, key and value together
)

// checkMetricName refuses what Datadog cannot take as the name of a metric.
func checkMetricName(name string) error {
	switch {
	case name == "":
		return badRequest("a series without metric name")
	case !utf8.ValidString(name):
		return badRequest("metric name %.100q is not UTF-8", name)
	case !isASCIILetter(name[0]):
		return badRequest("metric name %.100q does not begin with a letter", name)
	case utf8.RuneCountInString(name) > maxMetricName:
		return badRequest("metric name %.100q… is longer than %d characters", name, maxMetricName)
	}
	return nil
}

// metricName is the name under which Datadog keeps a metric: everything but ASCII letters, digits, '_' and '.' becomes '_'.
// https://docs.datadoghq.com/metrics/custom_metrics/
func metricName(sent string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && (isASCIILetter(byte(r)) || '0' <= r && r <= '9' || r == '_' || r == '.') {
			return r
		}
		return '_'
	}, sent)
}

func isASCIILetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

// tagName is the form in which Datadog keeps a tag: lower case, other characters than letters, digits and _-:./ as '_', nothing
// before the first letter, no ':' at the end, cut after 200 characters. cut says whether characters were lost at the end; "" is
// a tag of which nothing is left. https://docs.datadoghq.com/getting_started/tagging/
func tagName(sent string) (tag string, cut bool) {
	tag = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		case strings.ContainsRune("_-:./", r):
			return r
		}
		return '_'
	}, sent)
	tag = strings.TrimLeftFunc(tag, func(r rune) bool { return !unicode.IsLetter(r) })
	if utf8.RuneCountInString(tag) > maxTag {
		tag, cut = string([]rune(tag)[:maxTag]), true
	}
	return strings.TrimRight(tag, ":"), cut
}

// tagNames returns the kept forms of tags, sorted and each once, and how many tags were cut or lost.
func tagNames(sent []string) (tags []string, harmed int) {
	tags = make([]string, 0, len(sent))
	for _, s := range sent {
		tag, cut := tagName(s)
		if cut || tag == "" {
			harmed++
		}
		if tag != "" {
			tags = append(tags, tag)
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags), harmed
}

// checkText refuses text that a proto3 string cannot hold; gogo's decoder does not look.
func checkText(what string, texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return badRequest("%s %.100q is not UTF-8", what, s)
		}
	}
	return nil
}

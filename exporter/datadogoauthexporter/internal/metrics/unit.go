package metrics

import (
	"slices"
	"strings"
)

// appendUnit appends Datadog's name of a UCUM unit, or of a rate of two ("By/s" → "byte/second"). A unit that Datadog does
// not know, "1" and none append nothing.
func appendUnit(dst []byte, unit string) []byte {
	if unit == "" || unit == "1" {
		return dst
	}
	whole, per, isRate := strings.Cut(unit, "/")
	out, ok := appendUnitPart(dst, whole)
	if ok && isRate {
		// A second slash is left in per, and no unit has one.
		out, ok = appendUnitPart(append(out, '/'), per)
	}
	if !ok {
		return dst
	}
	return out
}

func appendUnitPart(dst []byte, part string) ([]byte, bool) {
	if strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") {
		what := part[1 : len(part)-1]
		if what == "datapoint" {
			what = "item"
		}
		_, known := slices.BinarySearch(countedThings, what)
		return append(dst, what...), known
	}
	if name, _ := baseUnit(part); name != "" {
		return append(dst, name...), true
	}
	for size := 2; size >= 1; size-- { // "Mi" before "M"
		if len(part) <= size {
			continue
		}
		prefix := part[:size]
		name, prefixes := baseUnit(part[size:])
		if name != "" && slices.Contains(prefixes, prefix) {
			return append(append(dst, prefixName(prefix)...), name...), true
		}
	}
	return dst, false
}

var (
	bytePrefixes  = []string{"Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "k", "M", "G", "T", "P", "E"}
	bitPrefixes   = []string{"k", "M", "G", "T", "P", "E"}
	timePrefixes  = []string{"m", "u", "n"}
	hertzPrefixes = []string{"k", "M", "G"}
	wattPrefixes  = []string{"d", "m", "u", "n", "k", "M", "G", "T"}
	joulePrefixes = []string{"n", "m", "k", "M"}
	milliPrefix   = []string{"m"}
	deciPrefix    = []string{"d"}
)

// baseUnit is Datadog's name of a UCUM unit without prefix, and the prefixes with which Datadog knows it.
func baseUnit(symbol string) (name string, prefixes []string) {
	switch symbol {
	case "By":
		return "byte", bytePrefixes
	case "bit":
		return "bit", bitPrefixes
	case "s":
		return "second", timePrefixes
	case "h":
		return "hour", nil
	case "Hz":
		return "hertz", hertzPrefixes
	case "W":
		return "watt", wattPrefixes
	case "V":
		return "volt", milliPrefix
	case "J":
		return "joule", joulePrefixes
	case "A":
		return "ampere", milliPrefix
	case "Cel":
		return "degree celsius", deciPrefix
	case "%":
		return "percent", nil
	}
	return "", nil
}

func prefixName(symbol string) string {
	switch symbol {
	case "d":
		return "deci"
	case "m":
		return "milli"
	case "u":
		return "micro"
	case "n":
		return "nano"
	case "k":
		return "kilo"
	case "M":
		return "mega"
	case "G":
		return "giga"
	case "T":
		return "tera"
	case "P":
		return "peta"
	case "E":
		return "exa"
	case "Ki":
		return "kibi"
	case "Mi":
		return "mebi"
	case "Gi":
		return "gibi"
	case "Ti":
		return "tebi"
	case "Pi":
		return "pebi"
	case "Ei":
		return "exbi"
	}
	return ""
}

// countedThings are the annotations ("{request}") that are units at Datadog, sorted.
var countedThings = []string{
	"alert", "apdex", "assertion", "attempt", "block", "buffer", "build", "cent", "check", "collection", "column", "command",
	"commit", "connection", "container", "core", "cpu", "cursor", "datagram", "day", "decibel-milliwatt", "device", "document",
	"dollar", "email", "entity", "entry", "error", "euro", "event", "eviction", "exception", "execution", "fault", "fetch",
	"file", "flush", "fraction", "frame", "get", "heap", "hit", "hop", "host", "index", "inode", "instance", "invocation",
	"item", "job", "key", "location", "lock", "merge", "message", "method", "minute", "miss", "monitor", "node", "object",
	"occurrence", "offset", "operation", "packet", "page", "payload", "penny", "permille", "pound", "prediction", "process",
	"query", "question", "read", "record", "refresh", "request", "resource", "response", "route", "row", "run", "sample",
	"scan", "sector", "segment", "service", "session", "set", "shard", "span", "split", "stage", "step", "success", "table",
	"task", "thread", "throttle", "ticket", "time", "timeout", "token", "transaction", "unit", "update", "user", "vector",
	"view", "volume", "wait", "watt-hour", "week", "worker", "write",
}

package traces

import (
	"net/url"
	"strings"
)

// obfuscateURLs treats the entries that hold a URL or a part of one. ofHTTP says that the span is of a type of which Datadog's agent reads
// http.url as a URL; elsewhere, and where it is none, it is treated as text.
func (g *mapping) obfuscateURLs(ofHTTP bool) {
	if e := g.meta.find(g.names.httpURL); e != nil && e.value != "" {
		if ofHTTP {
			e.value = g.cleanURL(e.value)
		} else {
			e.value = g.withoutQuery(cutUserInfo(e.value))
		}
		e.fits = false
	}
	if g.opts.KeepQueryStrings {
		return
	}
	for _, key := range [...]name{g.names.httpTarget, g.names.httpReferrer} {
		if e := g.meta.find(key); e != nil && e.value != "" {
			e.value, e.fits = g.withoutQuery(cutUserInfo(e.value)), false
		}
	}
	if e := g.meta.find(g.names.urlQuery); e != nil && e.value != "" {
		e.value = "?"
	}
}

// withoutQuery replaces a query by the question mark alone, in text that need not be a valid URL.
func (g *mapping) withoutQuery(raw string) string {
	if g.opts.KeepQueryStrings {
		return raw
	}
	before, query, ok := strings.Cut(raw, "?")
	if !ok || strings.IndexByte(before, '#') >= 0 {
		return raw
	}
	fragment := strings.IndexByte(query, '#')
	switch {
	case query == "" || fragment == 0:
		return raw
	case fragment < 0:
		return raw[:len(before)+1]
	}
	return g.text.join(raw[:len(before)+1], query[fragment:])
}

// cleanURL is a URL without user information and query, in the form that net/url gives it. The path is kept. What is no URL may hold anything.
func (g *mapping) cleanURL(raw string) string {
	if isPlainURL(raw) {
		return g.withoutQuery(raw)
	}
	u, err := url.Parse(raw)
	switch {
	case err == nil:
	case g.opts.KeepQueryStrings:
		return cutUserInfo(raw)
	default:
		return "?"
	}
	u.User = nil
	if !g.opts.KeepQueryStrings && u.RawQuery != "" {
		u.RawQuery, u.ForceQuery = "", true
	}
	return u.String()
}

// isPlainURL reports whether parsing and printing a URL would give the same URL again. It knows most of those that do, not all.
func isPlainURL(raw string) bool {
	rest, ok := strings.CutPrefix(raw, "http://")
	if !ok {
		if rest, ok = strings.CutPrefix(raw, "https://"); !ok {
			return false
		}
	}
	if rest == "" || rest[0] == '/' || rest[0] == '?' {
		return false // no host
	}
	const (
		host = iota
		port
		path
		query
	)
	part := host
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case part == port && isASCIILetter(c):
			return false
		case isASCIILetter(c) || isASCIIDigit(c) || c == '.' && part != port || c == '-' && part != port:
		case c == ':' && part == host:
			part = port
		case c == ':' && part >= path:
		case c == '/':
			part = max(part, path)
		case c == '?':
			part = query
		case part < path:
			return false
		case c == '%' && part == path && (i+2 >= len(rest) || !isHexDigit(rest[i+1]) || !isHexDigit(rest[i+2])):
			return false // no URL at all
		case strings.IndexByte("_~&=%+,;", c) >= 0:
		default:
			return false
		}
	}
	return true
}

// cutUserInfo removes user information without a change to anything else, from text that need not be a valid URL.
func cutUserInfo(raw string) string {
	_, rest, ok := strings.Cut(raw, "//")
	if !ok {
		return raw
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	at := strings.LastIndexByte(authority, '@')
	if at < 0 {
		return raw
	}
	return raw[:len(raw)-len(rest)] + rest[at+1:]
}

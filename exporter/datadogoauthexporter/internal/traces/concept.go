package traces

import (
	"math"
	"strconv"
)

// concepts answers what a span says about a concept, whatever convention it is written in: the keys of the concept in their order,
// and for each key first the span's attribute, then the resource's. Values of the wrong type and empty strings do not count.
//
// The keys and their order are those of datadog-agent pkg/trace/semantics/mappings.json, version v20260630131934.
type concepts struct {
	span, res *known
	has       uint64 // bit n: attribute n is in one of them
}

func (g *mapping) concepts() concepts {
	return concepts{span: &g.attrs, res: &g.res.known, has: g.attrs.has | g.res.known.has}
}

// str is the first string under keys.
func (c concepts) str(keys ...attrKey) string {
	for _, k := range keys {
		if c.has&(1<<k) == 0 {
			continue
		}
		if s := c.span.str(k); s != "" {
			return s
		}
		if s := c.res.str(k); s != "" {
			return s
		}
	}
	return ""
}

func (c concepts) int(key attrKey) (int64, bool) {
	if i, ok := c.span.int(key); ok {
		return i, true
	}
	return c.res.int(key)
}

func (c concepts) httpMethod() string { return c.str(attrHTTPRequestMethod, attrHTTPMethod) }
func (c concepts) dbSystem() string   { return c.str(attrDBSystemName, attrDBSystem) }

// httpStatusCode is the code as an integer, or as text that says one. A text that does not is passed over.
func (c concepts) httpStatusCode() (int64, bool) {
	for _, key := range [...]attrKey{attrHTTPStatusCode, attrHTTPResponseStatusCode} {
		if code, ok := c.int(key); ok {
			return code, true
		}
		if code, ok := integer(c.str(key)); ok {
			return code, true
		}
	}
	return 0, false
}

// integer reads "404", and "404.0" and "4.04e2" as well.
func integer(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return i, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || f < -1<<63 || f >= 1<<63 {
		return 0, false
	}
	return int64(f), true
}

// grpcStatusCode is the code as text, for instance "14" or "UNAVAILABLE". The key of all RPC systems alike counts when the system
// is gRPC by its current name, or by its former one where the current one is absent.
func (c concepts) grpcStatusCode(a *arena) string {
	const keys = 1<<attrRPCGRPCStatusCode | 1<<attrGRPCCode | 1<<attrRPCGRPCStatusDotCode | 1<<attrGRPCStatusCode | 1<<attrRPCResponseStatusCode
	if c.has&keys == 0 {
		return ""
	}
	for _, key := range [...]attrKey{attrRPCGRPCStatusCode, attrGRPCCode, attrRPCGRPCStatusDotCode, attrGRPCStatusCode} {
		if code := c.text(a, key); code != "" {
			return code
		}
	}
	system := c.str(attrRPCSystemName, attrRPCSystem)
	if system == "grpc" {
		return c.text(a, attrRPCResponseStatusCode)
	}
	return ""
}

// text is the string under key, or else the integer as text.
func (c concepts) text(a *arena, key attrKey) string {
	if s := c.str(key); s != "" {
		return s
	}
	if i, ok := c.int(key); ok {
		return a.int(i)
	}
	return ""
}

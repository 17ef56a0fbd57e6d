package isolation

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"
)

var errNotJSON = errors.New("not JSON")

// json takes all members of a JSON text into account, by the names that the intakes give them.
func (c *Checker) json(b []byte) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		c.fail(errNotJSON)
		return
	}
	c.member("", v)
}

// jsonLines takes one JSON text a line.
func (c *Checker) jsonLines(b []byte) {
	for line := range bytes.SplitSeq(b, []byte("\n")) {
		c.json(line)
	}
}

func (c *Checker) member(key string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			c.enter(name)
			c.text(name)
			c.member(name, inner)
			c.leave()
		}
	case []any:
		for _, inner := range v {
			c.member(key, inner)
		}
	case string:
		c.textMember(key, v)
	case json.Number:
		c.numberMember(key, v)
	}
}

func (c *Checker) textMember(key, text string) {
	if text == "" {
		return
	}
	switch key {
	case "ddtags":
		for tag := range strings.SplitSeq(text, ",") {
			c.text(tag)
		}
	case "@timestamp":
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			c.fail(err)
			return
		}
		c.seconds(at.Unix())
	case "otel.timestamp":
		n, _ := strconv.ParseInt(text, 10, 64) // 0 is in nobody's second
		c.nanos(n)
	case "dd.trace_id", "dd.span_id":
		n, _ := strconv.ParseUint(text, 10, 64)
		c.id(n)
	case "otel.trace_id", "otel.span_id", "trace_id", "span_id":
		c.hexIDs(text)
	case "parent_id":
		if text != "0" {
			c.hexIDs(text)
		}
	case "status", "otel.severity_number", "otel_version", "agent-flavor":
		// not about whose it is
	case "gohai":
		c.json([]byte(text))
	default:
		if name, ok := strings.CutPrefix(key, "meta."); ok {
			c.meta(name, text)
			return
		}
		c.text(text)
	}
}

func (c *Checker) numberMember(key string, number json.Number) {
	v, err := number.Float64()
	if err != nil {
		c.fail(err)
		return
	}
	whole, _ := number.Int64()
	switch key {
	case "date_happened", "timestamp":
		c.seconds(whole)
	case "start", "time_unix_nano":
		c.nanos(whole)
	case "duration":
		asDuration(c, value{number: uint64(whole)})
	case "status", "error":
		// not about whose it is
	default:
		if name, ok := strings.CutPrefix(key, "metrics."); ok {
			c.metric(name, v)
			return
		}
		c.double(v)
	}
}

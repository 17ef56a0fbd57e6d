package isolation

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

var errBins = errors.New("the count is not that of the bins")

// meta is an entry of a span's meta.
func (c *Checker) meta(key, text string) {
	switch key {
	case "otel.trace_id", "_dd.p.tid":
		c.hexIDs(text)
	case "events", "_dd.span_links":
		c.json([]byte(text))
	default:
		c.text(text)
	}
}

// metric is an entry of a span's metrics.
func (c *Checker) metric(key string, v float64) {
	switch key {
	case "_sample_rate", "_dd1.sr.rcusr":
		c.rate(v)
	case "_sampling_priority_v1", "_sampling_priority_rate_v1", "_top_level", "_dd.measured", "_dd.errors_sr", "http.status_code":
		// not about whose it is
	default:
		c.double(v)
	}
}

// rate is one in so many as the owner's prime.
func (c *Checker) rate(v float64) { c.double(math.Round(1e6/v) / 1e6) }

// hexIDs are ids of 16 hexadecimal digits each, as they come. A short one stands alone.
func (c *Checker) hexIDs(text string) {
	if len(text) < 16 {
		text = strings.Repeat("0", 16-len(text)) + text
	}
	for ; len(text) >= 16; text = text[16:] {
		id, err := strconv.ParseUint(text[:16], 16, 64)
		if err != nil {
			c.belongs(nobody, text)
			return
		}
		c.id(id)
	}
}

package logs

import (
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// timeOf is when the record happened, else when it was observed, else 0.
func timeOf(lr plog.LogRecord) pcommon.Timestamp {
	if t := lr.Timestamp(); t != 0 {
		return t
	}
	return lr.ObservedTimestamp()
}

// unixSeconds is the time by which the record's item expires. A record without time is as old as its mapping.
func (g *mapping) unixSeconds(lr plog.LogRecord) int64 {
	if t := timeOf(lr); t != 0 {
		return t.AsTime().Unix()
	}
	return g.opts.Now().Unix()
}

// writeTimes writes the time as Unix nanoseconds and as text with milliseconds, which are cut, not rounded. Datadog takes the
// second one as the time of the log.
func (g *mapping) writeTimes(lr plog.LogRecord) {
	t := timeOf(lr)
	if t == 0 {
		g.yield(fieldOTelTimestamp)
		g.yield(fieldTimestamp)
		return
	}
	g.win(fieldOTelTimestamp)
	g.obj.buf = append(g.obj.buf, '"')
	g.obj.buf = strconv.AppendInt(g.obj.buf, int64(t), 10)
	g.obj.buf = append(g.obj.buf, '"', ',')
	g.win(fieldTimestamp)
	g.obj.buf = append(g.obj.buf, '"')
	g.obj.buf = g.clock.append(g.obj.buf, t.AsTime())
	g.obj.buf = append(g.obj.buf, '"', ',')
}

// clock writes times. It keeps the text of the last second, in which the next time most often is as well.
type clock struct {
	second int64
	text   []byte // of second, up to and with the decimal point
}

func (c *clock) append(dst []byte, t time.Time) []byte {
	if second := t.Unix(); second != c.second || len(c.text) == 0 {
		c.second = second
		c.text = t.UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05.")
	}
	dst = append(dst, c.text...)
	millis := t.Nanosecond() / int(time.Millisecond)
	return append(dst, byte('0'+millis/100), byte('0'+millis/10%10), byte('0'+millis%10), 'Z')
}

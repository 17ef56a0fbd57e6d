package intake

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// logsDoor is POST http-intake.logs.<site>/api/v2/logs in its JSON form.
// Limits: https://docs.datadoghq.com/log_collection/ and the v2 OpenAPI. zstd is what the Agent's logs pipeline may use.
var logsDoor = door{
	kind:     KindLogs,
	media:    []string{"application/json"},
	zstd:     true,
	maxSent:  maxLogsBody,
	maxPlain: maxLogsBody,
	refuse:   answerErrorObjects,
	store:    storeLogs,
}

const (
	maxLogsBody  = 5_000_000 // bytes of a request, uncompressed
	maxLogsItems = 1000
	maxLogItem   = 1_000_000 // bytes of one item; what is longer is cut, with a 202
	logPast      = 18 * time.Hour
)

// logItem is one log as it waits in memory; Received and the search decode it.
type logItem struct {
	seq     uint64
	at      time.Time // the log's own time, to the millisecond
	arrived time.Time
	item    []byte // one JSON object
	ddtags  string // from the query of the request
}

func storeLogs(c *call) (any, error) {
	if !json.Valid(c.body) {
		return nil, badRequest("the body is not JSON")
	}
	var items [][]byte
	switch c.body[skipSpace(c.body, 0)] {
	case '[':
		jsonElements(c.body, func(e []byte) { items = append(items, e) })
	default:
		items = [][]byte{c.body[skipSpace(c.body, 0):]}
	}
	if len(items) > maxLogsItems {
		return nil, badRequest("%d logs in one array; the limit is %d", len(items), maxLogsItems)
	}
	times := make([]time.Time, len(items))
	for i, item := range items {
		at, err := checkLogItem(item)
		if err != nil {
			return nil, badRequest("log %d: %v", i, err)
		}
		times[i] = at
	}
	c.org.write(KindLogs, len(items), func() {
		for i, item := range items {
			c.org.addLog(item, times[i], c.query, c.now)
		}
	})
	return struct{}{}, nil
}

// checkLogItem returns the time that a log carries, zero if none.
func checkLogItem(item []byte) (at time.Time, err error) {
	if item[0] != '{' {
		return at, badRequest("%.20s… is not an object", item)
	}
	if !utf8.Valid(item) {
		return at, badRequest("not UTF-8")
	}
	seen := make(map[string]bool, 8)
	var inner time.Time
	jsonMembers(item, func(quoted, value []byte) {
		key := jsonText(quoted)
		if seen[key] && err == nil {
			err = badRequest("key %.100q is there twice", key)
		}
		seen[key] = true
		switch key {
		case "message", "ddsource", "ddtags", "hostname", "service":
			if value[0] != '"' && err == nil {
				err = badRequest("%s is not a string", key)
				return
			}
		}
		if key == "message" && value[0] == '"' {
			inner = timeInMessage(jsonText(value))
		} else if isTimeKey(key) && at.IsZero() {
			at = timeOf(value)
		}
	})
	if err == nil && !seen["message"] {
		err = badRequest("message is missing")
	}
	if !inner.IsZero() {
		at = inner
	}
	return at, err
}

// timeInMessage looks into a message that is a JSON object, whose keys become attributes of the log.
func timeInMessage(message string) (at time.Time) {
	if !strings.HasPrefix(message, "{") || !json.Valid([]byte(message)) {
		return at
	}
	jsonMembers([]byte(message), func(quoted, value []byte) {
		if at.IsZero() && isTimeKey(jsonText(quoted)) {
			at = timeOf(value)
		}
	})
	return at
}

// isTimeKey names the attributes from which Datadog's default date remapper takes the time of a log.
func isTimeKey(key string) bool {
	switch key {
	case "@timestamp", "timestamp", "_timestamp", "Timestamp", "date", "eventTime", "published_date":
		return true
	}
	return false
}

// timeOf reads Unix milliseconds, as a number or in quotes, or RFC 3339. It returns zero for anything else.
func timeOf(value []byte) time.Time {
	text := string(value)
	if value[0] == '"' {
		text = jsonText(value)
	}
	if ms, err := strconv.ParseFloat(text, 64); err == nil && ms > 0 && ms < 1e14 {
		return time.UnixMilli(int64(ms))
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.Truncate(time.Millisecond)
	}
	return time.Time{}
}

// addLog keeps a log that is young enough. The caller holds the lock.
func (o *org) addLog(item []byte, at time.Time, query url.Values, now time.Time) {
	if at.IsZero() {
		at = now.Truncate(time.Millisecond)
	}
	if at.Before(now.Add(-logPast)) {
		o.drops.add(KindLogs, DropTooOld, "", 1)
		return
	}
	if len(item) > maxLogItem {
		item = cutLog(item)
		o.drops.add(KindLogs, DropTruncated, "", 1)
	}
	o.lastSeq++
	// A copy, so that one log does not keep the whole body alive.
	kept := &logItem{o.lastSeq, at, now, append([]byte(nil), item...), query.Get("ddtags")}
	keep(o, KindLogs, &o.logs, o.caps.Logs, kept)
	o.counts.Logs++
	o.accepted.Logs++
}

// cutLog shortens the message until the item has about maxLogItem bytes. A JSON message that is cut is text from then on.
func cutLog(item []byte) []byte {
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(item, &fields) // valid, see checkLogItem
	message := jsonText(fields["message"])
	keep := max(0, len(message)-(len(item)-maxLogItem))
	for keep > 0 && !utf8.RuneStart(message[keep]) {
		keep--
	}
	fields["message"], _ = json.Marshal(message[:keep])
	cut, _ := json.Marshal(fields)
	return cut
}

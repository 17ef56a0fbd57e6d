package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Log is one log as Datadog shows it. Numbers in its maps are json.Number, so that no digit is lost.
type Log struct {
	Time       time.Time // its own time, or that of its arrival if it carries none
	Arrived    time.Time
	Message    string // the message inside a JSON message, else the message as sent
	Status     string // after Datadog's status remapper: error, warn, info, …
	Service    string
	Host       string
	Source     string         // ddsource
	Tags       []string       // ddtags of the item and of the request's query, split at commas
	Attributes map[string]any // what a JSON message holds, and every key of the item that is not reserved
	Item       map[string]any // the item as it was sent (or as it was cut)
}

func (l *logItem) view() Log {
	v := Log{Time: l.at, Arrived: l.arrived, Item: decodeObject(l.item), Attributes: map[string]any{}}
	v.Message = textOf(v.Item["message"])
	inner := decodeObject([]byte(v.Message))
	for k, val := range v.Item {
		switch k {
		case "message", "status", "service", "hostname", "ddsource", "ddtags":
		default:
			v.Attributes[k] = val
		}
	}
	for k, val := range inner {
		v.Attributes[k] = val
	}
	if inner != nil {
		v.Message = textOf(inner["message"])
	}
	// What the JSON message says wins over the item around it, which often holds defaults.
	reserved := func(key string) string {
		if s := textOf(inner[key]); s != "" {
			return s
		}
		return textOf(v.Item[key])
	}
	v.Status = logStatus(reserved("status"))
	v.Service, v.Host, v.Source = reserved("service"), reserved("hostname"), textOf(v.Item["ddsource"])
	v.Tags = splitTags(textOf(v.Item["ddtags"]) + "," + l.ddtags)
	return v
}

// decodeObject returns nil for anything but a JSON object.
func decodeObject(text []byte) map[string]any {
	if len(text) == 0 || text[0] != '{' {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil || dec.More() {
		return nil
	}
	return m
}

// textOf is how a JSON value compares with the text of a query; nil is "".
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case map[string]any, []any:
		text, _ := json.Marshal(v)
		return string(text)
	}
	return fmt.Sprint(v)
}

func splitTags(ddtags string) []string {
	tags := []string{}
	for tag := range strings.SplitSeq(ddtags, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

// logStatus is Datadog's status remapper: by the first letters, or by syslog number; anything else is info.
// https://docs.datadoghq.com/logs/log_configuration/processors/ (log status remapper)
func logStatus(sent string) string {
	s := strings.ToLower(sent)
	if len(s) == 1 && s[0] >= '0' && s[0] <= '7' {
		return [...]string{"emergency", "alert", "critical", "error", "warn", "notice", "info", "debug"}[s[0]-'0']
	}
	for _, p := range []struct{ prefix, status string }{
		{"emerg", "emergency"}, {"f", "emergency"}, {"a", "alert"}, {"c", "critical"}, {"e", "error"}, {"w", "warn"}, {"n", "notice"},
		{"i", "info"}, {"d", "debug"}, {"t", "debug"}, {"v", "debug"}, {"o", "ok"}, {"s", "ok"},
	} {
		if strings.HasPrefix(s, p.prefix) {
			return p.status
		}
	}
	return "info"
}

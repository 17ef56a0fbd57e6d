package incidents

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// Limits in code points. Datadog states none; these keep a journal entry small.
const (
	maxKey      = 100
	maxTitle    = 400
	maxText     = 4000
	maxListed   = 50
	cutMark     = "…[truncated]"
	attributeOf = "datadog.incident."
)

// Record is what one log record says about an incident. What it does not say is empty.
type Record struct {
	Key string `json:"key"`
	// At is when it was so, in Unix nanoseconds. Of two records the later counts.
	At    int64  `json:"at"`
	Title string `json:"title,omitempty"`
	// Text is the body. It only counts for an incident that is created: what is said later about one is no new title of it.
	Text     string           `json:"text,omitempty"`
	Impacted *bool            `json:"impacted,omitempty"`
	Scope    string           `json:"scope,omitempty"`
	Type     string           `json:"type,omitempty"`
	Test     *bool            `json:"test,omitempty"`
	Handles  []string         `json:"handles,omitempty"`
	Fields   map[string]Field `json:"fields,omitempty"`
}

// Field is a field of an incident as the API takes it: Text for the types that hold one, else List.
type Field struct {
	Type string   `json:"type"`
	Text string   `json:"text,omitempty"`
	List []string `json:"list,omitempty"`
}

// fieldTypes are the fields that an organisation has as a rule, and what they hold.
var fieldTypes = map[string]string{
	"severity": "dropdown", "state": "dropdown", "detection_method": "dropdown", "summary": "textbox", "root_cause": "textbox",
	"services": "autocomplete", "teams": "autocomplete",
}

// Read takes a record's attributes. ok is false without a key, or with one that is too long.
func Read(lr plog.LogRecord, now time.Time) (r Record, ok bool) {
	r.At = int64(cmp.Or(lr.Timestamp(), lr.ObservedTimestamp(), pcommon.NewTimestampFromTime(now)))
	for key, v := range lr.Attributes().All() {
		if name, mine := strings.CutPrefix(key, attributeOf); mine {
			r.set(name, v)
		}
	}
	r.Text = cut(strings.TrimSpace(valid(attributes.Text(lr.Body()))), maxText)
	return r, r.Key != "" && utf8.RuneCountInString(r.Key) <= maxKey && !strings.ContainsFunc(r.Key, func(c rune) bool { return c < ' ' })
}

func (r *Record) set(name string, v pcommon.Value) {
	kind := fieldTypes[name]
	switch {
	case name == "notification_handles":
		r.Handles = listOf(v)
		return
	case kind == "autocomplete":
		r.put(name, Field{Type: kind, List: listOf(v)})
		return
	}
	text := strings.TrimSpace(valid(attributes.Text(v)))
	switch name {
	case "key":
		r.Key = text
	case "title":
		r.Title = cut(text, maxTitle)
	case "customer_impacted":
		yes := v.Type() == pcommon.ValueTypeBool && v.Bool() || v.Type() == pcommon.ValueTypeStr && strings.EqualFold(text, "true")
		r.Impacted = &yes
	case "customer_impact_scope":
		r.Scope = cut(text, maxText)
	case "type":
		r.Type = cut(text, maxKey)
	case "is_test":
		yes := v.Type() == pcommon.ValueTypeBool && v.Bool() || v.Type() == pcommon.ValueTypeStr && strings.EqualFold(text, "true")
		r.Test = &yes
	default:
		switch kind {
		case "dropdown":
			r.put(name, Field{Type: kind, Text: cut(text, maxKey)})
		case "textbox":
			r.put(name, Field{Type: kind, Text: cut(text, maxText)})
		}
	}
}

func (r *Record) put(name string, f Field) {
	if r.Fields == nil {
		r.Fields = map[string]Field{}
	}
	r.Fields[name] = f
}

// listOf reads a list of texts, or one text with commas.
func listOf(v pcommon.Value) (all []string) {
	add := func(text string) (more bool) {
		if text = strings.TrimSpace(valid(text)); text != "" {
			all = append(all, cut(text, maxKey))
		}
		return len(all) < maxListed
	}
	if v.Type() == pcommon.ValueTypeSlice {
		for _, e := range v.Slice().All() {
			if !add(attributes.Text(e)) {
				break
			}
		}
		return all
	}
	for text := range strings.SplitSeq(attributes.Text(v), ",") {
		if !add(text) {
			break
		}
	}
	return all
}

// merge adds what a later record says.
func (r *Record) merge(later Record) {
	r.At = later.At
	r.Title = cmp.Or(later.Title, r.Title)
	r.Text = cmp.Or(r.Text, later.Text)
	r.Scope = cmp.Or(later.Scope, r.Scope)
	r.Type = cmp.Or(r.Type, later.Type)
	if later.Impacted != nil {
		r.Impacted = later.Impacted
	}
	if later.Test != nil {
		r.Test = later.Test
	}
	if len(later.Handles) > 0 {
		r.Handles = later.Handles
	}
	fields := maps.Clone(r.Fields)
	if fields == nil {
		fields = map[string]Field{}
	}
	maps.Copy(fields, later.Fields)
	r.Fields = fields
}

// said is what is left of a record when all that it says is at Datadog. What people change there is not changed back by a later record.
func (r *Record) said() Record { return Record{Key: r.Key, At: r.At} }

// says reports whether the record says what another of the same time says.
func (r *Record) says(other Record) bool {
	same := func(a, b *bool) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	return r.At == other.At && r.Title == other.Title && r.Scope == other.Scope && same(r.Impacted, other.Impacted) && slices.Equal(r.Handles, other.Handles) &&
		maps.EqualFunc(r.Fields, other.Fields, func(a, b Field) bool { return a.Type == b.Type && a.Text == b.Text && slices.Equal(a.List, b.List) })
}

func valid(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// cut shortens s to max code points, the mark included.
func cut(s string, max int) string {
	if utf8.RuneCountInString(s) <= max {
		return s
	}
	n, left := 0, max-utf8.RuneCountInString(cutMark)
	for i := range s {
		if left--; left < 0 {
			n = i
			break
		}
	}
	return s[:n] + cutMark
}

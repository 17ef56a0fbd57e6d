package incidents

import (
	"cmp"
	"maps"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// Limits in code points. Datadog states none; these keep a journal entry small.
const (
	maxKey        = 100
	maxTitle      = 400
	maxText       = 4000
	maxListed     = 50
	maxListedText = 100
	cutMark       = "…[truncated]"
	attributeOf   = "datadog.incident."
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
	// Digest is of all that the log record says, its own time included, so that one that is sent again is known.
	Digest string `json:"-"`
	// Bytes is about what it takes in memory.
	Bytes int `json:"-"`
	// Omitted counts the values of the log record that are none of it: too many in a list, a handle or a type that cannot be one.
	Omitted int `json:"-"`
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

// Read takes a record's attributes. ok is false without a key, or with one that holds control characters. One that is dated ahead of now counts as
// of now: a clock that is wrong must not make stale what comes later.
//
// Whatever cannot be a value is left out and counted in Omitted. What is empty says nothing.
func Read(lr plog.LogRecord, now time.Time) (r Record, ok bool) {
	present := pcommon.NewTimestampFromTime(now)
	stated := cmp.Or(lr.Timestamp(), lr.ObservedTimestamp(), present)
	r.At = int64(min(stated, present))
	for key, v := range lr.Attributes().All() {
		if name, mine := strings.CutPrefix(key, attributeOf); mine {
			r.set(name, v)
		}
	}
	r.Text = cut(strings.TrimSpace(valid(attributes.Text(lr.Body()))), maxText)
	r.Digest, r.Bytes = digest(r, stated)
	return r, r.Key != "" && !strings.ContainsFunc(r.Key, func(c rune) bool { return c < ' ' })
}

func (r *Record) set(name string, v pcommon.Value) {
	kind := fieldTypes[name]
	switch {
	case name == "notification_handles":
		r.Handles = r.listOf(v, handleOf)
		return
	case kind == "autocomplete":
		if list := r.listOf(v, func(text string) (string, bool) { return cut(text, maxListedText), true }); len(list) > 0 {
			r.put(name, Field{Type: kind, List: list})
		}
		return
	}
	text := strings.TrimSpace(valid(attributes.Text(v)))
	if text == "" {
		return
	}
	switch name {
	case "key":
		r.Key = cutKey(text)
	case "title":
		r.Title = cut(text, maxTitle)
	case "customer_impacted":
		r.Impacted = yes(v, text)
	case "customer_impact_scope":
		r.Scope = cut(text, maxText)
	case "type":
		if !isUUID(text) {
			r.Omitted++
			return
		}
		r.Type = text
	case "is_test":
		r.Test = yes(v, text)
	default:
		switch kind {
		case "dropdown":
			r.put(name, Field{Type: kind, Text: cut(text, maxListedText)})
		case "textbox":
			r.put(name, Field{Type: kind, Text: cut(text, maxText)})
		}
	}
}

func yes(v pcommon.Value, text string) *bool {
	is := v.Type() == pcommon.ValueTypeBool && v.Bool() || v.Type() == pcommon.ValueTypeStr && strings.EqualFold(text, "true")
	return &is
}

func (r *Record) put(name string, f Field) {
	if r.Fields == nil {
		r.Fields = map[string]Field{}
	}
	r.Fields[name] = f
}

// listOf reads a list of texts, or one text with commas. Of a text that is not empty, read makes a value, or says that it is none.
func (r *Record) listOf(v pcommon.Value, read func(string) (string, bool)) (all []string) {
	add := func(text string) {
		if text = strings.TrimSpace(valid(text)); text == "" {
			return
		}
		value, ok := "", len(all) < maxListed
		if ok {
			value, ok = read(text)
		}
		if !ok {
			r.Omitted++
			return
		}
		all = append(all, value)
	}
	if v.Type() == pcommon.ValueTypeSlice {
		for _, e := range v.Slice().All() {
			add(attributes.Text(e))
		}
		return all
	}
	for text := range strings.SplitSeq(attributes.Text(v), ",") {
		add(text)
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

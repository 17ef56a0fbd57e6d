package audit

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	maxTextBytes  = 512
	maxNameBytes  = 256
	maxChanges    = 100 // each record is one line of the log
	maxWhatBytes  = 64
	maxFieldBytes = 128
)

// Diff collects the fields in which two states of something differ.
type Diff struct {
	Key     FingerprintKey
	Changes []Change
}

// Full reports whether no further change finds room in one record.
func (d *Diff) Full() bool { return len(d.Changes) >= maxChanges }

// Text compares what may be shown.
func (d *Diff) Text(field, before, after string) {
	if before != after {
		d.add(field, before, after)
	}
}

func (d *Diff) add(field, before, after string) {
	if d.Full() {
		return
	}
	c := Change{OneLine(field, maxFieldBytes), OneLine(before, maxTextBytes), OneLine(after, maxTextBytes)}
	if c.Before == c.After && min(len(before), len(after)) > maxTextBytes { // they differ beyond what can be shown
		n := shared(before, after)
		c.Before, c.After = "…"+OneLine(before[n:], maxTextBytes), "…"+OneLine(after[n:], maxTextBytes)
	}
	d.Changes = append(d.Changes, c)
}

// shared is how many bytes two texts have in common at their beginning, in whole characters.
func shared(a, b string) int {
	for i, r := range a {
		if !strings.HasPrefix(b[i:], string(r)) {
			return i
		}
	}
	return len(a)
}

// Secret compares what may not. Two secrets that differ are a change even where their fingerprints do not.
func (d *Diff) Secret(field, kind, before, after string) {
	if before != after {
		d.add(field, d.Key.Of(kind, before), d.Key.Of(kind, after))
	}
}

// List compares lists, in their order. Of those that are too long to be shown, what went and what came is, in as many changes as that takes.
func (d *Diff) List(field string, before, after []string) {
	was, is := strings.Join(before, " "), strings.Join(after, " ")
	if max(len(was), len(is)) <= maxTextBytes {
		d.Text(field, was, is)
		return
	}
	went, came := without(before, after), without(after, before)
	if len(went)+len(came) == 0 && was != is {
		d.add(field, "", "the same in another order")
	}
	for len(went)+len(came) > 0 {
		was, went = firstOf(went)
		is, came = firstOf(came)
		d.add(field, was, is)
	}
}

func without(list, those []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(item string) bool { return slices.Contains(those, item) })
}

// firstOf are as many items as can be shown, and the others.
func firstOf(list []string) (shown string, rest []string) {
	n, size := 0, 0
	for n < len(list) && (n == 0 || size+1+len(list[n]) <= maxTextBytes) {
		size += len(list[n]) + min(n, 1)
		n++
	}
	return strings.Join(list[:n], " "), list[n:]
}

// Time compares moments, to the second.
func (d *Diff) Time(field string, before, after time.Time) {
	d.Text(field, moment(before), moment(after))
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// Bool compares flags.
func (d *Diff) Bool(field string, before, after bool) { d.Text(field, flag(before), flag(after)) }

func flag(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// Number compares counts.
func (d *Diff) Number(field string, before, after uint64) { d.Text(field, count(before), count(after)) }

func count(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}

// Bound puts what people wrote, or may have, on one line and bounds it. Tenant, client, site and organisation are names that were checked.
func (r *Record) Bound() {
	r.What, r.Reason = OneLine(r.What, maxWhatBytes), OneLine(r.Reason, maxTextBytes)
	for _, text := range []*string{&r.Actor.Kind, &r.Actor.Name, &r.Actor.Via} {
		*text = OneLine(*text, maxNameBytes)
	}
}

// OneLine bounds a text of whatever script, and puts it on one line: white space and what cannot be printed, such as marks that turn the
// direction of what follows, become one space.
func OneLine(text string, maxBytes int) string {
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, ""), func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }), " ")
	if len(text) > maxBytes {
		text = strings.ToValidUTF8(text[:maxBytes], "") + "…"
	}
	return text
}

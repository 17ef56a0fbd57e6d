package oracle

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// item is one thing that was sent, flat: a point of a series, a sketch, a log, a span.
type item struct {
	// group is what is certain about an item on both sides, such as metric and second. Items are compared within their group.
	group string
	// id names the case that the item belongs to, "" for none in particular.
	id string
	// fields are compared as text; a number is in its shortest form, an unordered list is sorted.
	fields map[string]string
}

// difference is one field in which an item differs, or an item that only one side has (field "missing" or "extra").
type difference struct {
	id, group, field string
	ours, theirs     string
	all              string // the item, for a missing or extra one
}

// compare returns every difference of two lists of items, whatever their order.
func compare(ours, theirs []item) []difference {
	a, b := byGroup(ours), byGroup(theirs)
	groups := maps.Clone(a)
	maps.Copy(groups, b)
	var all []difference
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		all = append(all, compareGroup(a[g], b[g])...)
	}
	return all
}

func byGroup(items []item) map[string][]item {
	m := make(map[string][]item)
	for _, it := range items {
		m[it.group] = append(m[it.group], it)
	}
	return m
}

// compareGroup pairs equal items first, then the most alike.
func compareGroup(ours, theirs []item) []difference {
	var rest []item
	for _, a := range ours {
		if i := slices.IndexFunc(theirs, func(b item) bool { return maps.Equal(a.fields, b.fields) }); i >= 0 {
			theirs = slices.Delete(slices.Clone(theirs), i, i+1)
			continue
		}
		rest = append(rest, a)
	}
	var all []difference
	for _, a := range rest {
		if len(theirs) == 0 {
			all = append(all, difference{id: a.id, group: a.group, field: "extra", all: a.String()})
			continue
		}
		i := mostAlike(a, theirs)
		all = append(all, compareFields(a, theirs[i])...)
		theirs = slices.Delete(slices.Clone(theirs), i, i+1)
	}
	for _, b := range theirs {
		all = append(all, difference{id: b.id, group: b.group, field: "missing", all: b.String()})
	}
	return all
}

func mostAlike(a item, others []item) int {
	best, fewest := 0, -1
	for i, b := range others {
		if n := len(compareFields(a, b)); fewest < 0 || n < fewest {
			best, fewest = i, n
		}
	}
	return best
}

func compareFields(ours, theirs item) []difference {
	names := maps.Clone(ours.fields)
	maps.Copy(names, theirs.fields)
	var all []difference
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, inOurs := ours.fields[name]
		b, inTheirs := theirs.fields[name]
		if a == b && inOurs == inTheirs {
			continue
		}
		all = append(all, difference{id: cmp.Or(theirs.id, ours.id), group: ours.group, field: name, ours: presence(a, inOurs), theirs: presence(b, inTheirs)})
	}
	return all
}

func presence(text string, there bool) string {
	if !there {
		return "(absent)"
	}
	return text
}

func (it item) String() string {
	var b strings.Builder
	b.WriteString(it.group)
	for _, name := range slices.Sorted(maps.Keys(it.fields)) {
		b.WriteString(" " + name + "=" + it.fields[name])
	}
	return b.String()
}

package oracle

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// shrinkBudget bounds how many smaller inputs are tried. Each is sent both ways.
const shrinkBudget = 250

// shrink leaves out of payloads whatever is not needed for still to hold. It works on their JSON form, and so on every signal: elements of
// arrays and members of objects go one after another, the largest first.
func shrink[D any](c codec[D], payloads []D, still func([]D) bool) []D {
	best := payloads
	tree, ok := parse(c, payloads)
	if !ok {
		return best
	}
	tries := 0
	try := func() bool {
		if tries >= shrinkBudget {
			return false
		}
		tries++
		smaller, ok := restore(c, tree)
		if !ok || !still(smaller) {
			return false
		}
		best = smaller
		return true
	}
	for again := true; again && tries < shrinkBudget; {
		again = prune(tree, func(x any) { tree = x }, try)
	}
	return best
}

// parse returns payloads as one JSON array.
func parse[D any](c codec[D], payloads []D) (tree any, ok bool) {
	list := make([]any, len(payloads))
	for i, d := range payloads {
		text, err := c.marshal(d)
		if err != nil {
			return nil, false
		}
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		if dec.Decode(&list[i]) != nil {
			return nil, false
		}
	}
	return list, true
}

func restore[D any](c codec[D], tree any) ([]D, bool) {
	var payloads []D
	for _, v := range tree.([]any) {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, false
		}
		d, err := c.unmarshal(text)
		if err != nil {
			return nil, false
		}
		payloads = append(payloads, d)
	}
	return payloads, true
}

// prune removes what it can from node, which set puts into the tree, and says whether anything went. try judges the tree as it is.
func prune(node any, set func(any), try func() bool) (changed bool) {
	switch v := node.(type) {
	case []any:
		for size := len(v); size >= 1; size /= 2 { // all, halves, quarters, …, single elements
			for i := 0; i+size <= len(v); {
				shorter := slices.Delete(slices.Clone(v), i, i+size)
				set(shorter)
				if try() {
					v, changed = shorter, true
					continue
				}
				set(v)
				i += size
			}
		}
		for i := range v {
			changed = prune(v[i], func(x any) { v[i] = x }, try) || changed
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			kept := v[key]
			delete(v, key)
			if try() {
				changed = true
				continue
			}
			v[key] = kept
			changed = prune(kept, func(x any) { v[key] = x }, try) || changed
		}
	}
	return changed
}

package admin

import "strconv"

// slot is a text of a page that changes while somebody looks: the page is made of slots, and so is what a live update answers, so the two
// cannot differ. It is hidden while it has neither text nor attributes.
type slot struct {
	Key   string // the same within its group for as long as the page is open
	Class string
	Text  string
	Y, H  string // of a bar of the chart; both empty for anything else
}

// slots are the slots of one group: of the whole page, or of one row.
type slots []slot

func (s *slots) add(key, class, text string) slot {
	made := slot{Key: key, Class: class, Text: text}
	*s = append(*s, made)
	return made
}

// bar is a slot of the chart, in units of its viewBox.
func (s *slots) bar(key string, y, height float64) slot {
	made := slot{Key: key, Y: number(y), H: number(height)}
	*s = append(*s, made)
	return made
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// onWire is a slot as status.js reads it: {"t": text, "c": class} or {"y": …, "height": …}.
type slotOnWire struct {
	Text   *string `json:"t,omitempty"`
	Class  string  `json:"c,omitempty"`
	Y      string  `json:"y,omitempty"`
	Height string  `json:"height,omitempty"`
}

func (s slots) onWire() map[string]slotOnWire {
	all := make(map[string]slotOnWire, len(s))
	for _, v := range s {
		if v.H != "" {
			all[v.Key] = slotOnWire{Y: v.Y, Height: v.H}
			continue
		}
		all[v.Key] = slotOnWire{Text: &v.Text, Class: v.Class}
	}
	return all
}

package grant

import "iter"

// names are the tenants of one organisation. It nearly always has one, for which a map would be ten times as large.
type names struct {
	one  string // empty for none
	more map[string]struct{}
}

func (n *names) add(name string) {
	switch {
	case n.one == name:
	case n.one == "" && len(n.more) == 0:
		n.one = name
	default:
		if n.more == nil {
			n.more = map[string]struct{}{}
		}
		n.more[name] = struct{}{}
	}
}

func (n *names) remove(name string) {
	if n.one == name {
		n.one = ""
	}
	delete(n.more, name)
}

func (n names) empty() bool { return n.one == "" && len(n.more) == 0 }

// all lists them in no order.
func (n names) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		if n.one != "" && !yield(n.one) {
			return
		}
		for name := range n.more {
			if !yield(name) {
				return
			}
		}
	}
}

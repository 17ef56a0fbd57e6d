package tenancy

// ranking has the shelves of each tenant, and the tenant with the most bytes on them first. It is a heap: nobody is before his parent, which is at half of
// his place.
type ranking struct {
	heap    []*holder
	holders map[string]*holder // by tenant
}

// holder is a tenant with something parked.
type holder struct {
	tenant  string
	bytes   int // on its shelves
	shelves []*shelf
	place   int // in the heap
}

func newRanking() ranking { return ranking{holders: make(map[string]*holder)} }

// join adds a shelf that is empty.
func (k *ranking) join(s *shelf) {
	h := k.holders[s.tenant]
	if h == nil {
		h = &holder{tenant: s.tenant, place: len(k.heap)}
		k.holders[s.tenant] = h
		k.heap = append(k.heap, h)
	}
	h.shelves = append(h.shelves, s)
}

// leave removes a shelf that is empty.
func (k *ranking) leave(s *shelf) {
	h := k.holders[s.tenant]
	for i, other := range h.shelves {
		if other == s {
			last := len(h.shelves) - 1
			h.shelves[i], h.shelves[last] = h.shelves[last], nil
			h.shelves = h.shelves[:last]
			break
		}
	}
	if len(h.shelves) > 0 {
		return
	}
	last, place := len(k.heap)-1, h.place
	k.swap(place, last)
	k.heap[last] = nil
	k.heap = k.heap[:last]
	delete(k.holders, s.tenant)
	if place < last {
		k.settle(place)
	}
}

// add notes that a tenant has so much more on its shelves, or less.
func (k *ranking) add(tenant string, bytes int) {
	h := k.holders[tenant]
	h.bytes += bytes
	k.settle(h.place)
}

// largest is the tenant for which part, which is never more than its bytes, is the most, if that is more than so much. It asks for as few parts as it can.
func (k *ranking) largest(than int, part func(*holder) int) (most *holder) {
	var visit func(place int)
	visit = func(place int) {
		if place >= len(k.heap) || k.heap[place].bytes <= than {
			return // and so are all behind it
		}
		if n := part(k.heap[place]); n > than {
			most, than = k.heap[place], n
		}
		visit(2*place + 1)
		visit(2*place + 2)
	}
	visit(0)
	return most
}

// settle moves who is at a place to where he belongs.
func (k *ranking) settle(place int) {
	for ; place > 0 && k.heap[place].bytes > k.heap[(place-1)/2].bytes; place = (place - 1) / 2 {
		k.swap(place, (place-1)/2)
	}
	for {
		most := place
		for _, child := range []int{2*place + 1, 2*place + 2} {
			if child < len(k.heap) && k.heap[child].bytes > k.heap[most].bytes {
				most = child
			}
		}
		if most == place {
			return
		}
		k.swap(place, most)
		place = most
	}
}

func (k *ranking) swap(a, b int) {
	k.heap[a], k.heap[b] = k.heap[b], k.heap[a]
	k.heap[a].place, k.heap[b].place = a, b
}

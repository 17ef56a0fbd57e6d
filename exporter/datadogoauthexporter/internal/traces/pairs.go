package traces

// pair is one entry of a map on the wire.
type pair[V string | float64] struct {
	name
	value V
	dead  bool // taken out, or kept free for an entry to come
	fits  bool // key and value are known to be UTF-8 and short enough
}

// pairs holds the map entries of the spans of one chunk, span after span, and finds those of the span under conversion by key. It does
// what a Go map does, but keeps the order, needs no allocation per span and costs less.
type pairs[V string | float64] struct {
	all   []pair[V]
	first int // where the span under conversion begins in all
	slots []slot
	turn  uint32 // slots of another turn are empty
	marks uint64 // of the current span: a bit for each key that it may have
}

// slot places a hash, by linear probing, at a position in pairs.all.
type slot struct {
	turn uint32
	pos  uint32
	hash uint64
}

// begin starts the next span.
func (p *pairs[V]) begin() {
	p.first, p.marks = len(p.all), 0
	if p.turn++; p.turn == 0 { // after 2^32 spans old slots would look current
		clear(p.slots)
		p.turn = 1
	}
}

// mark is the bit of a key in pairs.marks.
func (n *name) mark() uint64 { return 1 << (n.hash >> 58) }

// find returns the entry of the current span under key, nil when there is none. The pointer is good until the next entry is added.
func (p *pairs[V]) find(key name) *pair[V] {
	if p.marks&key.mark() == 0 {
		return nil
	}
	return p.probe(key)
}

func (p *pairs[V]) probe(key name) *pair[V] {
	mask := uint64(len(p.slots) - 1)
	for i := key.hash & mask; ; i = (i + 1) & mask {
		s := &p.slots[i]
		if s.turn != p.turn {
			return nil
		}
		if s.hash == key.hash {
			if e := &p.all[s.pos]; e.text == key.text {
				if e.dead {
					return nil
				}
				return e
			}
		}
	}
}

// add appends an entry under a key that find does not know. It returns it until the next one is added.
func (p *pairs[V]) add(key name, value V) *pair[V] {
	at := len(p.all)
	if at < cap(p.all) {
		p.all = p.all[:at+1]
	} else {
		p.all = append(p.all, pair[V]{})
	}
	e := &p.all[at] // written field by field, which costs less than to make it elsewhere and copy it
	e.text, e.hash, e.ours = key.text, key.hash, key.ours
	e.value, e.dead, e.fits = value, false, false
	p.marks |= key.mark()
	if n := at + 1 - p.first; 2*n > len(p.slots) {
		p.grow(n)
	} else {
		p.place(at)
	}
	return e
}

func (p *pairs[V]) place(pos int) {
	hash := p.all[pos].hash
	mask := uint64(len(p.slots) - 1)
	i := hash & mask
	for p.slots[i].turn == p.turn {
		i = (i + 1) & mask
	}
	s := &p.slots[i]
	s.turn, s.pos, s.hash = p.turn, uint32(pos), hash
}

// grow makes room for twice n entries and places those of the current span anew.
func (p *pairs[V]) grow(n int) {
	size := 64
	for size < 4*n {
		size *= 2
	}
	p.slots = make([]slot, size)
	p.turn = 1
	for pos := p.first; pos < len(p.all); pos++ {
		p.place(pos)
	}
}

// set writes value under key, over what is there. It returns the entry until the next one is added.
func (p *pairs[V]) set(key name, value V) *pair[V] {
	if e := p.find(key); e != nil {
		e.value, e.fits = value, false
		return e
	}
	return p.add(key, value)
}

// setIfAbsent writes value under key unless there is an entry, even an empty one.
func (p *pairs[V]) setIfAbsent(key name, value V) {
	if p.find(key) == nil {
		p.add(key, value)
	}
}

// setIfEmpty writes value under key unless there is an entry other than the zero value.
func (p *pairs[V]) setIfEmpty(key name, value V) {
	var zero V
	switch e := p.find(key); {
	case e == nil:
		p.add(key, value)
	case e.value == zero:
		e.value, e.fits = value, false
	}
}

// get is the value under key, the zero value when there is none.
func (p *pairs[V]) get(key name) (value V, ok bool) {
	if e := p.find(key); e != nil {
		return e.value, true
	}
	return value, false
}

// reserve leaves n free entries at the end of the current span, for put.
func (p *pairs[V]) reserve(n int) {
	for range n {
		p.all = append(p.all, pair[V]{dead: true})
	}
}

// reset forgets all spans, and what they refer to.
func (p *pairs[V]) reset() {
	clear(p.all)
	p.all = p.all[:0]
	p.first = 0
}

// lookUp finds an entry of a span whose conversion is over. It reads one entry after the other: for the few questions about a chunk.
func lookUp[V string | float64](span []pair[V], key name) (value V, ok bool) {
	for i := range span {
		if e := &span[i]; e.hash == key.hash && !e.dead && e.text == key.text {
			return e.value, true
		}
	}
	return value, false
}

// put writes value under key into a span whose conversion is over, in a place that reserve left free.
func put[V string | float64](span []pair[V], key name, value V) {
	free := -1
	for i := range span {
		switch e := &span[i]; {
		case e.dead:
			free = i
		case e.hash == key.hash && e.text == key.text:
			e.value = value
			return
		}
	}
	span[free] = pair[V]{name: key, value: value}
}

// remove takes the entry under key out of a span whose conversion is over.
func remove[V string | float64](span []pair[V], key name) {
	for i := range span {
		if e := &span[i]; e.hash == key.hash && !e.dead && e.text == key.text {
			e.dead = true
		}
	}
}

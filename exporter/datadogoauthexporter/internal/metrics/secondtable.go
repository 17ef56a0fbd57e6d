package metrics

import "math"

// secondTable knows of counts in which seconds they have an item. It is a hash table of one array, which grows while it is crowded with series of the last
// minute. Entries are never looked for and deleted: one that is idle is written over.
type secondTable struct {
	slots []secondSlot // their number is a power of two, or 0
}

// secondSlot is about one series.
type secondSlot struct {
	id    uint64 // of a series, odd; 0 for a free slot
	last  uint32 // the latest second that is taken, Unix time
	taken uint32 // bit i: the second last-i is taken
	// marks are those of the points that took the last seconds, by second modulo their number.
	marks [4]uint32
}

const (
	secondHistory = 32 // seconds that a slot tells of
	// maxShift is how many seconds a count is moved at most. Senders of one series export every ten seconds, or less often.
	maxShift = 10
	// maxAhead is how many seconds a clock may be ahead of this one and count as right.
	maxAhead = 30
	// idleSeconds are those after which nobody is expected to send more of a second.
	idleSeconds = 60
	probes      = 8
	firstSlots  = probes
)

// has reports whether a second is taken. What is older than the history is not known to be.
func (s *secondSlot) has(second uint32) bool {
	return second <= s.last && s.last-second < secondHistory && s.taken&(1<<(s.last-second)) != 0
}

func (s *secondSlot) take(second, mark uint32) {
	s.marks[second%uint32(len(s.marks))] = mark
	switch {
	case second > s.last:
		if ahead := second - s.last; ahead < secondHistory {
			s.taken <<= ahead
		} else {
			s.taken = 0
		}
		s.last, s.taken = second, s.taken|1
	case s.last-second < secondHistory:
		s.taken |= 1 << (s.last - second)
	}
}

// claim takes a second, unless it is taken. mark tells the point from others; grow says whether the table may double. A slot that is later than latest has a point of
// a wrong clock: it begins anew with the first one that is too far behind to be in its history, so that one such point does not cost its series the protection.
func (t *secondTable) claim(id uint64, second, mark, latest uint32, grow func(slots int) bool) (free bool) {
	s := t.slot(id, second, grow)
	if s != nil && s.last > latest && uint64(second)+secondHistory <= uint64(s.last) {
		*s = secondSlot{id: id}
	}
	switch {
	case s == nil: // there is no room for any series
	case s.has(second):
		return false
	default:
		s.take(second, mark)
	}
	return true
}

// claimLater takes the first free second after one that is taken.
func (t *secondTable) claimLater(id uint64, second, mark uint32) (later uint32, ok bool) {
	s := t.find(id)
	for later = second + 1; s != nil && later <= second+maxShift && later > second; later++ {
		if !s.has(later) {
			s.take(later, mark)
			return later, true
		}
	}
	return second, false
}

// repeated returns the second that a point took when it came before.
func (t *secondTable) repeated(id uint64, second, mark uint32) (at uint32, ok bool) {
	s := t.find(id)
	for at = second; s != nil && at < second+uint32(len(s.marks)); at++ {
		if s.has(at) && s.marks[at%uint32(len(s.marks))] == mark {
			return at, true
		}
	}
	return second, false
}

// release gives a second back.
func (t *secondTable) release(id uint64, second uint32) {
	if s := t.find(id); s != nil && s.has(second) {
		s.taken &^= 1 << (s.last - second)
	}
}

func (t *secondTable) find(id uint64) *secondSlot {
	if len(t.slots) == 0 {
		return nil
	}
	slots, mask := t.slots, uint64(len(t.slots)-1)
	for i := range uint64(probes) {
		if s := &slots[(id>>1+i)&mask]; s.id == id {
			return s
		}
	}
	return nil
}

// at is the i-th slot in the way of a series.
func (t *secondTable) at(id, i uint64) *secondSlot { return &t.slots[(id>>1+i)&uint64(len(t.slots)-1)] }

// slot returns the slot of a series, which may be new, or that of another one until now: of those in its way, the longest without a point. It is nil
// where there is no room for any.
func (t *secondTable) slot(id uint64, second uint32, grow func(slots int) bool) *secondSlot {
	for {
		if s := t.find(id); s != nil {
			return s
		}
		victim, oldest := (*secondSlot)(nil), uint32(math.MaxUint32)
		for i := range uint64(min(probes, len(t.slots))) {
			s := t.at(id, i)
			if s.id == 0 {
				*s = secondSlot{id: id}
				return s
			}
			if s.last <= oldest {
				victim, oldest = s, s.last
			}
		}
		if idle := victim != nil && uint64(oldest)+idleSeconds < uint64(second); !idle && grow(max(firstSlots, 2*len(t.slots))) {
			t.double()
			continue
		}
		if victim != nil {
			*victim = secondSlot{id: id}
		}
		return victim
	}
}

func (t *secondTable) double() {
	old := t.slots
	t.slots = make([]secondSlot, max(firstSlots, 2*len(old)))
	for _, s := range old {
		for i := range uint64(probes) {
			if to := t.at(s.id, i); s.id != 0 && to.id == 0 {
				*to = s
				break
			}
		}
	}
}

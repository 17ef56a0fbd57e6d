package metrics

// stay is the time that a sender has been coming to this collector without a gap. It is told for one scope of one resource: what is exported together, and
// what a balancer therefore moves together. It is kept with Options.Shared only.
//
// Nothing in OTLP says that a series was at another collector meanwhile: its start stays the same. What does say so is the rhythm of its sender, which
// exports every series at each interval. Where an export is missing it went elsewhere, or nowhere. Either way the stay ends, and a point that was
// remembered before it began is no base of a difference any more: no difference of ours has a point of another collector in it. A first value is sent
// only of a series that began later than the stay.
type stay struct {
	since, ts uint64 // its first and last export, Unix nanoseconds of the sender's clock
	// rhythm is the time between two exports in nanoseconds, 0 where there was only one. It outlives the stay.
	rhythm float64
}

const (
	// sameExport is what the points of one export differ by in time at most, in nanoseconds. SDKs ask the clock again for each instrument.
	sameExport = 500e6
	// late is how many times the rhythm it may take to the next export. From twice on, another collector may have had one.
	late = 1.5
	// ease is how far an export that comes early shortens the rhythm: a sender that flushes once more than usual does not lose it.
	ease = 0.75
)

// A stay is remembered as a point, among the series that it is about, so it is bounded, saved, expired and taken back like them.
func (s stay) point() point { return point{start: s.since, ts: s.ts, owed: s.rhythm} }
func stayOf(p point) stay   { return stay{since: p.start, ts: p.ts, rhythm: p.owed} }

// isNewborn reports whether a stay has had one export only, whose points may be apart.
func (s stay) isNewborn() bool { return float64(s.ts-s.since) < s.rhythm/2 }

// next is the stay after an export at ts, which is later than its last one.
//
// The first interval of a rhythm that is not known proves nothing: another collector may have had exports in it. It makes the rhythm known, and
// costs a second baseline. A sender that has become slower is believed, by a factor of two, when it is late twice in a row.
func (s stay) next(ts uint64) stay {
	gap := float64(ts - s.ts)
	switch {
	case gap > late*s.rhythm:
		switch {
		case s.rhythm == 0:
			s.rhythm = gap
		case s.isNewborn():
			s.rhythm = min(gap, 2*s.rhythm)
		}
		s.since = ts
	case s.isNewborn():
		s.rhythm = gap
	default:
		s.rhythm = max(gap, ease*s.rhythm)
	}
	s.ts = ts
	return s
}

// arrive notes an export of the scope under way at the time of one of its points. Later points of the scope came together with that one, so they only
// move the time of the export.
func (tx *Tx) arrive(ts uint64) {
	now, again := stay{since: ts, ts: ts}, tx.scope.arrived
	tx.scope.arrived, tx.scope.export = true, ts
	id := tx.res.identity.plus(tx.base.hash).plus(tx.m.key.sum(partStay, nil))
	sh, old, had := tx.lock(id)
	if sh == nil { // no room to remember it
		tx.scope.stay = now
		return
	}
	if had {
		if now = stayOf(old); ts <= old.ts+sameExport { // another part of the last export, or an older one
			sh.mu.Unlock()
			tx.scope.stay = now
			return
		}
		if again {
			now.ts = ts
		} else {
			now = now.next(ts)
		}
	}
	tx.scope.stay = now
	tx.write(sh, id, old, had, now.point(), 0)
}

// stayed reports whether a point at ts, which is remembered, is of the stay under way.
func (tx *Tx) stayed(ts uint64) bool {
	return !tx.m.opts.Shared || ts+sameExport >= tx.scope.stay.since
}

package tenancy

import (
	"context"
	"errors"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// write is what one caller has for a transaction.
type write struct {
	ops  []*storage.Operation
	turn chan struct{} // closed when it is done, or when its caller has to make the next transaction
	done bool
	err  error
}

const (
	// groupBytes bounds one transaction of several callers: the values that it writes, and opBytes for each operation besides.
	groupBytes = 8 << 20
	opBytes    = 1 << 10
)

// commit makes the operations of one caller, all of them or none, in one transaction with those of everybody who waits: on a disk a transaction takes the
// time of two syncs, whatever is in it, and they come one after the other. Whoever finds nobody at it makes the next transaction, and then gives the turn to
// the first who came meanwhile.
func (s *Store) commit(ops []*storage.Operation) error {
	w := &write{ops: ops, turn: make(chan struct{})}
	s.mu.Lock()
	s.writes = append(s.writes, w)
	wait := s.writing
	s.writing = true
	s.mu.Unlock()
	if wait {
		<-w.turn
		if w.done {
			return w.err
		}
	}
	s.mu.Lock()
	group := s.group()
	s.mu.Unlock()
	s.transact(group)
	s.mu.Lock()
	if s.writing = len(s.writes) > 0; s.writing {
		close(s.writes[0].turn)
	}
	s.mu.Unlock()
	for _, other := range group[1:] {
		other.done = true
		close(other.turn)
	}
	return w.err
}

// group takes out what goes into the next transaction, at least the first. mu is held.
func (s *Store) group() []*write {
	n, bytes := 0, 0
	for _, w := range s.writes {
		for _, op := range w.ops {
			bytes += opBytes + len(op.Value)
		}
		if n > 0 && bytes > groupBytes {
			break
		}
		n++
	}
	group := s.writes[:n:n]
	if s.writes = s.writes[n:]; len(s.writes) == 0 {
		s.writes = nil // the array holds bodies
	}
	return group
}

// transact makes one transaction for all. If it fails each gets one of its own: what is too large for a disk that is nearly full does not keep the others
// from what room there is.
func (s *Store) transact(group []*write) {
	var ops []*storage.Operation
	for _, w := range group {
		ops = append(ops, w.ops...)
	}
	err := s.batch(ops)
	alone := err != nil && len(group) > 1 && !errors.Is(err, context.DeadlineExceeded)
	for _, w := range group {
		if w.err = err; alone {
			w.err = s.batch(w.ops)
		}
	}
}

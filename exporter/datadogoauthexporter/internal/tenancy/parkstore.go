package tenancy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Store keeps parked requests of one exporter and signal in a storage, so that they outlive the process.
//
// A request is in a slot: its outline under one key, its stored form under another, written and deleted in one transaction. Slots are used again,
// and a mark is written with the first request in each range of them, so that a start finds everything by its keys, in any storage. Nothing
// in memory has to be right for that. No lock is held while the storage works.
type Store struct {
	client storage.Client
	owner  string

	mu     sync.Mutex
	slots  uint64   // guarded by mu, as everything below; all slots in use are below it
	free   []uint64 // slots below it with nothing in them
	doomed []uint64 // slots whose content is of no use, but could not be deleted yet
	marked uint64   // the slots that durable marks cover are below it

	writes  []*write // wait for a transaction, oldest first
	writing bool     // one of their callers, or of those before them, makes transactions
}

const (
	outlinePrefix = "outline/" // and the slot
	bodyPrefix    = "body/"    // and the slot
	markPrefix    = "mark/"    // and which range of slots
	// markedSlots is the number of slots in a range.
	markedSlots = 256
	// storeTimeout bounds one transaction.
	storeTimeout = time.Minute
)

// OpenStore takes over client. owner names the exporter and the signal: what another one parked is left alone.
func OpenStore(client storage.Client, owner string) *Store {
	return &Store{client: client, owner: owner}
}

// Close lets go of the storage. s may be nil.
func (s *Store) Close(ctx context.Context) error {
	if s == nil {
		return nil
	}
	return s.client.Close(ctx)
}

func key(prefix string, n uint64) string { return prefix + strconv.FormatUint(n, 10) }

// batch is one transaction.
func (s *Store) batch(ops []*storage.Operation) error {
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	return s.client.Batch(ctx, ops...)
}

// load calls found for everything that an earlier process left, in no order. What is damaged is deleted, and unreadable is told; what another
// version or another owner wrote is left alone, and foreign is told. It is called before everything else.
//
// A mark that is damaged hides nothing: the search ends after two ranges in a row without a mark and without an outline.
func (s *Store) load(found func(*parked), unreadable, foreign func(error)) error {
	const after = 2
	for begin, nothing := uint64(0), 0; nothing < after; begin += markedSlots {
		mark := storage.GetOperation(key(markPrefix, begin/markedSlots))
		ops := []*storage.Operation{mark}
		for slot := begin; slot < begin+markedSlots; slot++ {
			ops = append(ops, storage.GetOperation(key(outlinePrefix, slot)))
		}
		if err := s.batch(ops); err != nil {
			return err
		}
		if !slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Value != nil }) {
			nothing++
			continue
		}
		nothing = 0
		for ; s.slots < begin; s.slots++ {
			s.free = append(s.free, s.slots) // of ranges without anything before this one
		}
		if err := s.loadRange(begin, ops[1:], found, unreadable, foreign); err != nil {
			return err
		}
		s.slots = begin + markedSlots
	}
	s.marked = s.slots
	return nil
}

// loadRange takes in the outlines of one range. A body without an outline is of one that is damaged in its key; a storage without transactions leaves
// some of requests that were being written or deleted when the process died, and these are told as unreadable, too.
func (s *Store) loadRange(begin uint64, outlines []*storage.Operation, found func(*parked), unreadable, foreign func(error)) error {
	var bodies []*storage.Operation
	var without []uint64
	for i, op := range outlines {
		slot := begin + uint64(i)
		if op.Value == nil {
			bodies, without = append(bodies, storage.GetOperation(key(bodyPrefix, slot))), append(without, slot)
			continue
		}
		switch o, err := intake.ParseOutline(op.Value, s.owner); {
		case err == nil:
			found(&parked{Request: o.Request, ticket: o.Ticket, outline: o, slot: slot})
		case errors.Is(err, intake.ErrDamaged):
			s.doomed = append(s.doomed, slot)
			unreadable(err)
		default:
			foreign(err)
		}
	}
	if err := s.batch(bodies); err != nil {
		return err
	}
	for i, body := range bodies {
		if body.Value == nil {
			s.free = append(s.free, without[i])
			continue
		}
		s.doomed = append(s.doomed, without[i])
		unreadable(fmt.Errorf("%w: its outline is missing", intake.ErrDamaged))
	}
	return nil
}

// save writes all of add, those that have a slot over what is in it, and deletes all of drop, or does nothing of it. With an error the content of
// slots of add is either the old or the new.
func (s *Store) save(add, drop []*parked) error {
	s.mu.Lock()
	slots, doomed := make([]uint64, len(add)), s.takeDoomed()
	again := 0 // of the doomed slots so many are used at once: while a disk is full, no slot is added with each attempt
	for i, e := range add {
		switch slots[i] = e.slot; {
		case e.outline != nil:
		case again < len(doomed):
			slots[i] = doomed[again]
			again++
		default:
			slots[i] = s.take()
		}
	}
	marked := s.marked
	s.mu.Unlock()

	ops := make([]*storage.Operation, 0, 2*len(add)+2*len(drop)+2*len(doomed)+1)
	for _, slot := range doomed {
		ops = appendDelete(ops, slot)
	}
	for _, e := range drop {
		if e.outline != nil {
			ops = appendDelete(ops, e.slot)
		}
	}
	outlines, upTo := make([]*intake.Outline, len(add)), marked
	for i, e := range add {
		var body []byte
		body, outlines[i] = e.Store(s.owner, e.ticket)
		// The outline comes last, for a storage without transactions.
		ops = append(ops, storage.SetOperation(key(bodyPrefix, slots[i]), body), storage.SetOperation(key(outlinePrefix, slots[i]), outlines[i].Append(nil)))
		for ; upTo <= slots[i]; upTo += markedSlots {
			ops = append(ops, storage.SetOperation(key(markPrefix, upTo/markedSlots), []byte{1}))
		}
	}
	var err error
	if len(ops) > 0 {
		err = s.commit(ops)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.doomed = append(s.doomed, doomed...)
		for i, e := range add {
			if e.outline == nil && !slices.Contains(doomed[:again], slots[i]) {
				s.doomed = append(s.doomed, slots[i]) // it is not known what is in it
			}
		}
		return err
	}
	s.marked = max(s.marked, upTo)
	s.free = append(s.free, doomed[again:]...)
	for _, e := range drop {
		if e.outline != nil {
			s.free = append(s.free, e.slot)
			e.outline = nil
		}
	}
	for i, e := range add {
		timeouts := e.Try.Timeouts
		e.Free()
		e.Request, e.outline, e.slot = outlines[i].Request, outlines[i], slots[i]
		e.Try.Timeouts = timeouts
	}
	return nil
}

// drop deletes what is settled. What cannot be deleted is deleted with a later write; a crash before that brings it back.
func (s *Store) drop(gone []*parked) error {
	var errs []error
	for some := range slices.Chunk(gone, maxDeletes) {
		if err := s.save(nil, some); err != nil {
			errs = append(errs, err)
			s.doom(some)
		}
	}
	return errors.Join(errs...)
}

// maxDeletes bounds the deletions that one caller has for a transaction.
const maxDeletes = 1000

func (s *Store) doom(gone []*parked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range gone {
		if e.outline != nil {
			s.doomed = append(s.doomed, e.slot)
		}
	}
}

// open reads the body of e. An intake.ErrDamaged, ErrVersion or ErrForeign is final, any other error is the storage's.
func (s *Store) open(e *parked) (*intake.Request, error) {
	body := storage.GetOperation(key(bodyPrefix, e.slot))
	if err := s.commit([]*storage.Operation{body}); err != nil {
		return nil, err
	}
	if body.Value == nil {
		return nil, fmt.Errorf("%w: its body is missing", intake.ErrDamaged)
	}
	return e.outline.Open(body.Value)
}

// take gives out a slot. mu is held.
func (s *Store) take() uint64 {
	if n := len(s.free); n > 0 {
		slot := s.free[n-1]
		s.free = s.free[:n-1]
		return slot
	}
	s.slots++
	return s.slots - 1
}

// takeDoomed gives out slots to be deleted. mu is held.
func (s *Store) takeDoomed() []uint64 {
	n := min(len(s.doomed), maxDeletes)
	some := slices.Clone(s.doomed[:n])
	s.doomed = s.doomed[n:]
	return some
}

// appendDelete deletes a slot, its outline first, for a storage without transactions.
func appendDelete(ops []*storage.Operation, slot uint64) []*storage.Operation {
	return append(ops, storage.DeleteOperation(key(outlinePrefix, slot)), storage.DeleteOperation(key(bodyPrefix, slot)))
}

package datadogoauthexporter

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// attempts remembers in the queue's storage which events were sent, or were about to be, so that a collector that is killed does not send them
// a second time when the queue gives them out again.
//
// The notes are a ring: each attempt overwrites the oldest one, which is longer ago than any request that the queue still has. A note is taken back
// only when an answer said that nothing was done. After an orderly stop, at which the queue is told what was delivered, the notes count no more,
// unless some are left of a process that was killed: the queue may still give those events out.
type attempts struct {
	mu     sync.Mutex
	file   *ownFile
	next   uint64            // number of the next note
	before map[note]struct{} // of a process that was killed; each counts once
	slots  map[note][]uint64 // of this process: where the notes that can be taken back are
}

var _ intake.Attempts = (*attempts)(nil)

type note [sha256.Size]byte

const (
	attemptsFloor = "floor" // the first note that counts
	attemptsSlot  = "slot/" // and its number
	attemptsSlots = 4096
)

// openAttempts reads the notes. It returns nil if there is no file for them. Where they cannot be read, no event is sent until the next start: one of those
// that wait may have been sent.
func openAttempts(ctx context.Context, logger *zap.Logger, file *ownFile) *attempts {
	if file == nil {
		return nil
	}
	a := &attempts{file: file, before: make(map[note]struct{}), slots: make(map[note][]uint64)}
	damaged, err := a.load(ctx)
	if err != nil {
		file.unusable("no events are sent", err)
	}
	if damaged > 0 {
		logger.Error("Notes of events that were sent are damaged: where the queue still has such an event, it is sent twice", zap.Int("notes", damaged))
	}
	return a
}

// load reads all notes at once. A note that is damaged is in the way of no other.
func (a *attempts) load(ctx context.Context) (damaged int, err error) {
	floorOp := storage.GetOperation(attemptsFloor)
	ops := []*storage.Operation{floorOp}
	for i := range uint64(attemptsSlots) {
		ops = append(ops, storage.GetOperation(slotKey(i)))
	}
	if err := a.file.Batch(ctx, ops...); err != nil {
		return 0, err
	}
	floor, _, ok := readNote(floorOp.Value) // 0 if it is damaged: then all notes count
	if !ok && floorOp.Value != nil {
		damaged++
	}
	a.next = floor
	for _, op := range ops[1:] {
		number, n, ok := readNote(op.Value)
		switch {
		case op.Value == nil: // the ring has not come so far
		case !ok:
			damaged++
		default:
			a.next = max(a.next, number+1)
			if n != nil && number >= floor {
				a.before[*n] = struct{}{}
			}
		}
	}
	return damaged, nil
}

func slotKey(number uint64) string {
	return attemptsSlot + strconv.FormatUint(number%attemptsSlots, 10)
}

// appendNote writes a note, or one that was taken back, which has its number only:
//
//	number (8 bytes, big endian), SHA-256 of the event or nothing, CRC-32C of everything before it (big endian)
func appendNote(number uint64, n *note) []byte {
	b := binary.BigEndian.AppendUint64(nil, number)
	if n != nil {
		b = append(b, n[:]...)
	}
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// readNote reads what appendNote wrote, and what earlier versions did, without a check sum.
func readNote(b []byte) (number uint64, n *note, ok bool) {
	const bare, full = 8, 8 + sha256.Size
	switch len(b) {
	case bare + crc32.Size, full + crc32.Size:
		content := b[:len(b)-crc32.Size]
		if binary.BigEndian.Uint32(b[len(content):]) != crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli)) {
			return 0, nil, false
		}
		b = content
	case bare, full:
	default:
		return 0, nil, false
	}
	if len(b) == full {
		n = (*note)(b[bare:])
	}
	return binary.BigEndian.Uint64(b), n, true
}

func noteOf(r *intake.Request) note {
	h := sha256.New()
	for _, part := range []string{r.Tenant, r.Org} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	h.Write(r.Body)
	return note(h.Sum(nil))
}

// Begin implements intake.Attempts.
func (a *attempts) Begin(ctx context.Context, r *intake.Request) (sentBefore bool, err error) {
	n := noteOf(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, ok := a.before[n]; ok {
		delete(a.before, n)
		return true, nil
	}
	number := a.next
	a.next++
	if err := a.file.Set(ctx, slotKey(number), appendNote(number, &n)); err != nil {
		return false, fmt.Errorf("note in sending_queue::storage that an event is sent: %w", err)
	}
	a.slots[n] = append(a.slots[n], number)
	return false, nil
}

// End implements intake.Attempts. A note that cannot be taken back costs an event only if the collector is killed before it sends it.
func (a *attempts) End(ctx context.Context, r *intake.Request, nothingDone bool) {
	n := noteOf(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	of := a.slots[n]
	if len(of) == 0 {
		return
	}
	number := of[len(of)-1]
	if a.slots[n] = of[:len(of)-1]; len(of) == 1 {
		delete(a.slots, n)
	}
	if nothingDone && a.next-number < attemptsSlots {
		_ = a.file.Set(ctx, slotKey(number), appendNote(number, nil))
	}
}

// close ends the notes at an orderly stop. a may be nil.
func (a *attempts) close(ctx context.Context) error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var err error
	if len(a.before) == 0 && len(a.slots) == 0 && a.file.failure == nil {
		err = a.file.Set(ctx, attemptsFloor, appendNote(a.next, nil))
	}
	return errors.Join(err, a.file.Close(ctx))
}

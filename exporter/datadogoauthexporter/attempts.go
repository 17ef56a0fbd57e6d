package datadogoauthexporter

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

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
	client storage.Client
	next   uint64            // number of the next note
	before map[note]struct{} // of a process that was killed; each counts once
	slots  map[note][]uint64 // of this process: where the notes that can be taken back are
}

var _ intake.Attempts = (*attempts)(nil)

type note [sha256.Size]byte

const (
	// attemptsClient names the client of the storage.
	attemptsClient = "event_attempts"
	attemptsFloor  = "floor" // the first note that counts
	attemptsSlot   = "slot/" // and its number
	attemptsSlots  = 4096
)

// openAttempts reads the notes. It returns nil if the queue has no storage.
func openAttempts(ctx context.Context, host component.Host, exporter component.ID, id *component.ID) (*attempts, error) {
	if id == nil {
		return nil, nil
	}
	ext, ok := host.GetExtensions()[*id].(storage.Extension)
	if !ok {
		return nil, nil // the queue tells that it is missing
	}
	client, err := ext.GetClient(ctx, component.KindExporter, exporter, attemptsClient)
	if err != nil {
		return nil, fmt.Errorf("sending_queue::storage: open the notes of events that were sent: %w", err)
	}
	a := &attempts{client: client, before: make(map[note]struct{}), slots: make(map[note][]uint64)}
	if err := a.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sending_queue::storage: read the notes of events that were sent: %w", err), client.Close(ctx))
	}
	return a, nil
}

func (a *attempts) load(ctx context.Context) error {
	floor := uint64(0)
	b, err := a.client.Get(ctx, attemptsFloor)
	if err != nil {
		return err
	}
	if len(b) == 8 {
		floor = binary.BigEndian.Uint64(b)
	}
	for i := range attemptsSlots {
		b, err := a.client.Get(ctx, slotKey(uint64(i)))
		if err != nil {
			return err
		}
		if b == nil {
			break // the ring has not come so far
		}
		if len(b) < 8 {
			continue
		}
		number := binary.BigEndian.Uint64(b)
		a.next = max(a.next, number+1)
		if n := (note{}); number >= floor && len(b) == 8+len(n) {
			copy(n[:], b[8:])
			a.before[n] = struct{}{}
		}
	}
	return nil
}

func slotKey(number uint64) string {
	return attemptsSlot + strconv.FormatUint(number%attemptsSlots, 10)
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
	if err := a.client.Set(ctx, slotKey(number), append(binary.BigEndian.AppendUint64(nil, number), n[:]...)); err != nil {
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
		_ = a.client.Set(ctx, slotKey(number), binary.BigEndian.AppendUint64(nil, number))
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
	if len(a.before) == 0 && len(a.slots) == 0 {
		err = a.client.Set(ctx, attemptsFloor, binary.BigEndian.AppendUint64(nil, a.next))
	}
	return errors.Join(err, a.client.Close(ctx))
}

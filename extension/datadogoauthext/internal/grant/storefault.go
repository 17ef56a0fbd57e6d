package grant

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// noteStore keeps why the store cannot be read, for people; nil says that it can.
func (s *Service) noteStore(err error) {
	if err == nil {
		s.storeFault.Store(nil)
	} else {
		text := err.Error()
		s.storeFault.Store(&text)
	}
	s.reportTrouble()
}

// StoreFault says why the store could not be read when that was last tried, and what to do. It is empty while it can be, and before
// the first attempt ended.
func (s *Service) StoreFault() string {
	if fault := s.storeFault.Load(); fault != nil {
		return *fault
	}
	return ""
}

// noteWrite keeps why the store cannot be written, from the first write that failed to the next one that does not.
func (s *Service) noteWrite(ctx context.Context, err error) { s.noteWriteOf(ctx, &s.writeFault, err) }

// noteLease does the same for leases, which are written elsewhere in the store: one can work without the other.
func (s *Service) noteLease(ctx context.Context, err error) { s.noteWriteOf(ctx, &s.leaseFault, err) }

// noteWriteOf logs each change. A conflict, or a caller who did not wait, says nothing of the store, which has a longer time of its own for each call.
func (s *Service) noteWriteOf(ctx context.Context, fault *atomic.Pointer[string], err error) {
	switch {
	case err == nil:
		if fault.Load() == nil || fault.Swap(nil) == nil {
			return
		}
		s.log.Info("The grant store can be written again")
	case errors.Is(err, store.ErrConflict), ctx.Err() != nil:
		return
	default:
		text := fmt.Sprintf("the grant store cannot be written since %s; what is in memory goes on serving, nobody can connect, and what Datadog answers may be in memory only: %v",
			since(s.now()), err)
		if !fault.CompareAndSwap(nil, &text) {
			return
		}
		s.log.Error("The grant store cannot be written", zap.Error(err))
	}
	s.reportTrouble()
}

// WriteFault says since when the store cannot be written, and why. It is empty while the last write that was tried succeeded, and the last lease was had.
func (s *Service) WriteFault() string {
	for _, fault := range []*string{s.writeFault.Load(), s.leaseFault.Load()} {
		if fault != nil {
			return *fault
		}
	}
	return ""
}

// proveWrite ends a fault once the store can be written: nothing else may be due for hours. It takes a lease, or puts and removes a record in one step,
// which is written like any other, and leaves nothing behind.
func (s *Service) proveWrite(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, persistFor)
	defer cancel()
	const name = "can it be written?"
	if s.leaseFault.Load() != nil {
		_, _ = s.underLease(ctx, name, func(context.Context, uint64) error { return nil })
	}
	if s.writeFault.Load() != nil {
		probe := store.Record{Kind: store.KindFlow, Key: name, Value: []byte{0}}
		gone := probe
		gone.Version = 1
		_ = s.apply(ctx, store.Change{Record: probe}, store.Change{Record: gone, Delete: true})
	}
}

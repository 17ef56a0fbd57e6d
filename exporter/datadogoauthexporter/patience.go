package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// patience tries again what the queue's storage failed to do, before something worse is done. While it waits the queue is locked.
type patience struct {
	lasts   time.Duration               // how long
	stop    <-chan struct{}             // ends it
	waiting atomic.Pointer[fileFailure] // why it waits; nil if it does not
}

const (
	// patientFor is less than senders wait for an answer, and a scrape, which reads the size of the queue. Those that came just before wait for the lock of
	// the queue meanwhile; later calls are refused.
	patientFor  = 5 * time.Second
	firstWait   = 10 * time.Millisecond
	longestWait = time.Second
)

// waits says what is waited for, nil for nothing.
func (p *patience) waits() error {
	if f := p.waiting.Load(); f != nil {
		return f
	}
	return nil
}

// again makes f until it succeeds. It failed before. A file that is damaged does not heal, so f is made only once then.
func (p *patience) again(ctx context.Context, f func() error) error {
	err := f()
	if err == nil || errors.Is(err, errDamagedFile) {
		return err
	}
	p.waiting.Store(&fileFailure{fmt.Errorf("sending_queue::storage fails, and is tried again: %w", err)})
	defer p.waiting.Store(nil)
	ctx, cancel := context.WithTimeout(ctx, p.lasts)
	defer cancel()
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		select {
		case <-time.After(wait):
		case <-p.stop:
			return err
		case <-ctx.Done():
			return err
		}
		if err = f(); err == nil || errors.Is(err, errDamagedFile) {
			return err
		}
	}
}

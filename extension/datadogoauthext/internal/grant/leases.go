package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

const (
	// operation is how long a refresh or a mint may take in all.
	operation = 2 * time.Minute
	// persistFor bounds one write of what must not be lost.
	persistFor = 25 * time.Second
	// leaseFor is how long nobody else may begin the same work. It outlasts an operation that begins at once and the two writes that end it.
	leaseFor = 3 * time.Minute
	// workFor is how long after it asked for a lease somebody may still call Datadog: what is left of the lease is for two writes, and
	// for a clock that runs a little faster in the database.
	workFor   = leaseFor - 2*persistFor - 5*time.Second
	leasePoll = 200 * time.Millisecond
	// releaseFor bounds the early end of a lease.
	releaseFor = 2 * time.Second
)

// leaser is withLease or tryLease.
type leaser func(ctx context.Context, name string, fn func(ctx context.Context, fence uint64) error) error

// withLease runs fn while no other process runs it under the same name, and waits for its turn. fence goes into what fn writes. The
// context that fn gets ends long enough before the lease does, so that a slow process never acts beyond it.
func (s *Service) withLease(ctx context.Context, name string, fn func(ctx context.Context, fence uint64) error) error {
	for {
		held, err := s.underLease(ctx, name, fn)
		if !held {
			return err
		}
		if err := s.pause(ctx, leasePoll); err != nil {
			return fmt.Errorf("lease %s: %w", name, err)
		}
	}
}

// errElsewhere: somebody else is at the work right now.
var errElsewhere = errors.New("another process is at it")

// tryLease is withLease for work of the background: where somebody else is at it, the error is errElsewhere, and nothing waits.
func (s *Service) tryLease(ctx context.Context, name string, fn func(ctx context.Context, fence uint64) error) error {
	held, err := s.underLease(ctx, name, fn)
	if held {
		return errElsewhere
	}
	return err
}

// underLease runs fn unless somebody else holds the lease.
func (s *Service) underLease(ctx context.Context, name string, fn func(ctx context.Context, fence uint64) error) (held bool, err error) {
	began := time.Now() // a deadline of a context is of this clock, whatever s.now says
	lease, err := s.st.Lease(ctx, name, leaseFor)
	if errors.Is(err, store.ErrHeld) {
		s.noteLease(ctx, nil)
		return true, nil
	}
	s.noteLease(ctx, err) // a database that cannot be written gives none
	if err != nil {
		return false, err
	}
	defer func() { // it ends by itself otherwise
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseFor)
		defer cancel()
		_ = lease.Release(ctx)
	}()
	ctx, cancel := context.WithDeadline(ctx, began.Add(workFor))
	defer cancel()
	return false, fn(ctx, lease.Fence())
}

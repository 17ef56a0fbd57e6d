package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Errors of BeginFlow, BeginLogin and ConsumeFlow. Until the grants are loaded they say credential.ErrNotReady.
var (
	ErrTooManyFlows = errors.New("too many consents are under way; try again in a few minutes")
	ErrNoFlow       = errors.New("no consent is under way with this state: it was used already, or it ran out")
)

// FlowLife is how long a consent may take, and a login before it.
const FlowLife = 10 * time.Minute

// BeginFlow stores a consent under way, once the grants are loaded, and returns its state, 256 random bits of which only the hash is stored. The limits
// are checked before anything is written. f needs no hash and no dates. ErrRefused says that the tenant, or what let it in, is held to another
// client.
func (s *Service) BeginFlow(ctx context.Context, f Flow) (state string, err error) {
	if err := s.checkReady(); err != nil {
		return "", err
	}
	tx := s.reader(ctx)
	if err := errors.Join(s.heldTo(tx, f.Tenant, f.Client), doorFits(tx, f)); err != nil {
		return "", err
	}
	state = NewSecret()
	now := s.now()
	f.StateHash, f.Created, f.Expires = Hash(state), now, now.Add(FlowLife)
	if !s.view.takeSeat(f, now) {
		return "", fmt.Errorf("tenant %s: %w", f.Tenant, ErrTooManyFlows)
	}
	if err := s.change(ctx, func(tx *txn) error { return tx.put(f) }); err != nil {
		s.view.leaveSeat(f.StateHash)
		return "", err
	}
	return state, nil
}

// ConsumeFlow takes a consent out of the store: whatever comes of it, its state works no second time.
func (s *Service) ConsumeFlow(ctx context.Context, state string) (Flow, error) {
	if err := s.checkReady(); err != nil {
		return Flow{}, err
	}
	var f Flow
	var found bool
	err := s.change(ctx, func(tx *txn) (err error) {
		f, found, err = get(tx, Flow{StateHash: Hash(state)})
		if err == nil && found {
			tx.remove(f)
		}
		return err
	})
	switch {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return Flow{}, ErrNoFlow // another request took it
	case err != nil:
		return Flow{}, err
	case !found || !s.now().Before(f.Expires):
		return Flow{}, ErrNoFlow
	}
	f.Consumed = s.now()
	return f, nil
}

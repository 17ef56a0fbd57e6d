package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Errors of BeginFlow and ConsumeFlow. Until the grants are loaded both say credential.ErrNotReady.
var (
	ErrTooManyFlows = errors.New("too many consents are under way; try again in a few minutes")
	ErrNoFlow       = errors.New("no consent is under way with this state: it was used already, or it ran out")
)

const (
	// FlowLife is how long a consent may take.
	FlowLife           = 10 * time.Minute
	maxFlowsOfTenant   = 10
	maxFlows           = 1000
	maxSweptPerRequest = 200
)

// BeginFlow stores a consent under way, once the grants are loaded, and returns its state, 256 random bits of which only the hash is stored. The limits
// are checked before anything is written. f needs no hash and no dates.
func (s *Service) BeginFlow(ctx context.Context, f Flow) (state string, err error) {
	if err := s.checkReady(); err != nil {
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

func (v *view) takeSeat(f Flow, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	total, own := 0, 0
	for _, seat := range v.flows {
		if now.Before(seat.expires) {
			total++
			if seat.tenant == f.Tenant {
				own++
			}
		}
	}
	if total >= maxFlows || own >= maxFlowsOfTenant {
		return false
	}
	v.flows[f.StateHash] = flowSeat{tenant: f.Tenant, expires: f.Expires}
	return true
}

func (v *view) leaveSeat(hash string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.flows, hash)
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

// sweep deletes flows and invitations that ran out.
func (s *Service) sweep(ctx context.Context) {
	now := s.now()
	var old []record
	keepGoing := func(store.Record, error) {}
	flows := func(_ uint64, f Flow) {
		if !now.Before(f.Expires) && len(old) < maxSweptPerRequest {
			old = append(old, f)
		}
	}
	invitations := func(_ uint64, i Invitation) {
		if !now.Before(i.Expires) && len(old) < maxSweptPerRequest {
			old = append(old, i)
		}
	}
	err := list(ctx, &s.vault, store.KindFlow, keepGoing, flows)
	if err == nil {
		err = list(ctx, &s.vault, store.KindInvitation, keepGoing, invitations)
	}
	for _, rec := range old {
		if err == nil {
			err = s.discard(ctx, rec)
		}
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("Old consents and connect links were not deleted", zap.Error(err))
	}
}

func (s *Service) discard(ctx context.Context, rec record) error {
	return s.change(ctx, func(tx *txn) (err error) {
		var found bool
		switch r := rec.(type) {
		case Flow:
			_, found, err = get(tx, r)
		case Invitation:
			_, found, err = get(tx, r)
		}
		if err == nil && found {
			tx.remove(rec)
		}
		return err
	})
}

package grant

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
)

// ErrRefused marks what an operator asked for and cannot have; its text is for them.
var ErrRefused = errors.New("refused")

// Pause stops the data of a tenant until Resume; what arrives waits. A second pause replaces the reason of the first. by is who asked.
func (s *Service) Pause(ctx context.Context, tenant, reason, by string) error {
	text := orderText("paused", reason, by)
	err := s.order(ctx, tenant, false, func(_ *txn, g *Grant) error {
		if err := g.event(EvPause, text, s.now()); err != nil {
			return refusedHold(*g, "paused")
		}
		g.HoldReason = text
		return nil
	})
	if err == nil {
		s.log.Info("A tenant is paused; its data waits", zap.String("tenant", tenant), zap.String("why", text))
	}
	return err
}

// Resume ends a pause. It changes nothing for a tenant that is not paused.
func (s *Service) Resume(ctx context.Context, tenant, by string) error {
	err := s.order(ctx, tenant, false, func(tx *txn, g *Grant) error {
		tx.why = orderText("resumed", "", by)
		if err := g.event(EvResume, "", s.now()); err != nil {
			return refusedHold(*g, "resumed")
		}
		return nil
	})
	if err == nil {
		s.log.Info("A tenant is resumed", zap.String("tenant", tenant), zap.String("by", by))
	}
	return err
}

// order changes the grant of a tenant on an operator's word; edit may read and write more in the same step. It leaves no trace when edit
// fails. With replace it puts what is known of the tenant in the place of a record that cannot be opened.
func (s *Service) order(ctx context.Context, tenant string, replace bool, edit func(*txn, *Grant) error) error {
	if err := s.checkReady(); err != nil {
		return err
	}
	if s.sendOnly {
		return ErrSendOnly
	}
	end, ok := s.life.begin()
	if !ok {
		return errStopping
	}
	defer end()
	return s.change(ctx, func(tx *txn) error {
		g, found, err := get(tx, Grant{Tenant: tenant})
		switch {
		case errors.Is(err, errStore):
			return err
		case unopenable(err) && replace:
			g = s.lastKnown(tenant)
		case err != nil:
			return fmt.Errorf("%w: the record of tenant %s cannot be opened; restore it from a backup, or let the customer connect again and confirm "+
				"that change: %w", ErrRefused, tenant, err)
		case !found:
			return fmt.Errorf("%w: tenant %s never connected; check the name, or invite it", ErrRefused, tenant)
		}
		before := g
		if err := edit(tx, &g); err != nil || g.Hold == before.Hold && g.HoldReason == before.HoldReason {
			return err
		}
		return tx.put(g)
	})
}

// lastKnown is what memory knows of a tenant whose record cannot be opened, if it could be opened before: its organisation, and that an
// operator paused it.
func (s *Service) lastKnown(tenant string) Grant {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	seen := s.view.grants[tenant].rec
	known := Grant{Tenant: tenant, Org: seen.Org}
	if seen.Hold == HoldPaused {
		known.Hold, known.HoldReason, known.HoldSince = seen.Hold, seen.HoldReason, seen.HoldSince
	}
	return known
}

func refusedHold(g Grant, wish string) error {
	return fmt.Errorf("%w: tenant %s cannot be %s, it is %s (%s); only a new consent of the customer changes that: send the connect link",
		ErrRefused, g.Tenant, wish, g.Hold, g.HoldReason)
}

// orderText is a reason that names who gave the order.
func orderText(what, reason, by string) string {
	text := what + " by " + oneLine(by, maxCodeBytes)
	if reason := oneLine(reason, maxDescriptionBytes); reason != "" {
		text += ": " + reason
	}
	return text
}

// oneLine bounds what an operator wrote, in whatever script, and puts it on one line.
func oneLine(text string, maxBytes int) string { return audit.OneLine(text, maxBytes) }

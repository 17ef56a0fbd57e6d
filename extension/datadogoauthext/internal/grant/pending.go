package grant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// PendingLife is how long a change of organisation waits to be confirmed.
const PendingLife = 24 * time.Hour

// PendingChange is what people may know of a Pending.
type PendingChange struct {
	Tenant, Client, Site, OrgID, OrgName string
	// What the tenant is connected to until the change is confirmed.
	FromSite, FromOrgID, FromOrgName string
	Created, Expires                 time.Time
}

// PendingChanges lists them by tenant.
func (s *Service) PendingChanges() []PendingChange {
	now := s.now()
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	var all []PendingChange
	for tenant, h := range s.view.pendings {
		p := h.rec
		if !now.Before(p.Expires) {
			continue
		}
		from := s.view.grants[tenant].rec.Org
		all = append(all, PendingChange{
			Tenant: tenant, Client: p.Grant.Org.Client, Site: p.Grant.Org.Site, OrgID: p.Grant.Org.ID, OrgName: p.OrgName,
			FromSite: from.Site, FromOrgID: from.ID, FromOrgName: s.view.orgs[from.String()].rec.Name, Created: p.Created, Expires: p.Expires,
		})
	}
	slices.SortFunc(all, func(a, b PendingChange) int { return strings.Compare(a.Tenant, b.Tenant) })
	return all
}

// RejectChange drops a pending change; its tokens are revoked.
func (s *Service) RejectChange(ctx context.Context, tenant, by string) error {
	if err := s.checkReady(); err != nil {
		return err
	}
	ctx, end, err := s.onOwnTime(ctx)
	if err != nil {
		return err
	}
	defer end()
	err = s.withLease(ctx, changeName(tenant), func(ctx context.Context, _ uint64) error {
		return s.endPending(ctx, tenant, orderText("the change of organisation was refused", "", by), time.Time{})
	})
	if err != nil {
		return err
	}
	s.log.Info("A change of organisation was refused; its tokens are revoked", zap.String("tenant", tenant), zap.String("by", by))
	s.kickRevocations()
	return nil
}

// errNoChange: nobody waits for a decision.
func errNoChange(tenant string) error {
	return fmt.Errorf("%w: tenant %s: no change of organisation is pending; it was decided already, or it ran out", ErrRefused, tenant)
}

// changeName names the right to decide on a tenant's pending change, and the tokens that it was given meanwhile.
func changeName(tenant string) string { return "change/" + tenant }

func pendingOf(tenant string) Pending { return Pending{Grant: Grant{Tenant: tenant}} }

// putPending stores a consent as the pending change of its tenant, in the place of an earlier one. It is refused to a tenant that another
// consent connected through another client since this one began.
func (s *Service) putPending(tx *txn, cons consent) error {
	if err := s.heldTo(tx, cons.flow.Tenant, cons.flow.Client); err != nil {
		return err
	}
	now := s.sinceRestore()
	if _, err := s.retirePending(tx, cons.flow.Tenant, "a later consent for the tenant took its place"); err != nil {
		return err
	}
	p := Pending{Grant: cons.grant(now), Token: cons.token(now), OrgName: cons.orgName, Created: now, Expires: now.Add(PendingLife), Consent: cons.flow.StateHash}
	if err := p.Token.event(EvConnected, "", now); err != nil {
		return err
	}
	return tx.put(p)
}

// dropPending removes the pending change of a tenant, if there is one, and leaves its tokens to be revoked. why is for people.
func (s *Service) dropPending(tx *txn, tenant, why string) (found bool, err error) {
	found, err = s.retirePending(tx, tenant, why)
	if err == nil && found {
		tx.remove(pendingOf(tenant))
	}
	return found, err
}

// retirePending leaves the tokens of a pending change to be revoked, and the key that a confirmation may have begun with to be deleted.
// The caller replaces or removes the record. One that cannot be opened has nothing that could be revoked.
func (s *Service) retirePending(tx *txn, tenant, why string) (found bool, err error) {
	p, found, err := get(tx, pendingOf(tenant))
	switch {
	case errors.Is(err, errStore):
		return false, err
	case err != nil:
		return true, nil
	case !found:
		return false, nil
	}
	return true, s.enqueueRevocation(tx, tenant, why, p.Grant.Org, p.Token, true)
}

// endPending removes a pending change under the right to decide on it. With a time it removes only what has run out by then.
func (s *Service) endPending(ctx context.Context, tenant, why string, ranOut time.Time) error {
	// One that cannot be opened is ended all the same, and an answer that belongs into it is of no use then.
	if err := s.save(ctx, changeName(tenant)); err != nil && !unopenable(err) {
		return err
	}
	found := false
	err := s.change(ctx, func(tx *txn) error {
		found, tx.why = false, why
		if !ranOut.IsZero() {
			if p, ok, err := get(tx, pendingOf(tenant)); err != nil || !ok || ranOut.Before(p.Expires) {
				return err
			}
		}
		var err error
		found, err = s.dropPending(tx, tenant, why)
		return err
	})
	if err == nil && !found {
		return errNoChange(tenant)
	}
	return err
}

// expirePendings drops what nobody confirmed in time. A confirmation that is under way is left to its end.
func (s *Service) expirePendings(ctx context.Context) {
	now := s.now()
	for _, tenant := range s.pendingUntil(now) {
		err := s.tryLease(ctx, changeName(tenant), func(ctx context.Context, _ uint64) error {
			return s.endPending(ctx, tenant, "nobody confirmed the change of organisation in time", now)
		})
		switch {
		case errors.Is(err, errElsewhere), errors.Is(err, ErrRefused): // decided, here or elsewhere
		case err != nil:
			if ctx.Err() == nil {
				s.log.Warn("A change of organisation that nobody confirmed was not dropped; trying again", zap.String("tenant", tenant), zap.Error(err))
			}
		default:
			s.log.Warn("A change of organisation was not confirmed in time; its tokens are revoked", zap.String("tenant", tenant))
			s.kickRevocations()
		}
	}
}

// pendingUntil are the tenants whose pending change has run out by now.
func (s *Service) pendingUntil(now time.Time) []string {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	q, restored := s.view.quarantined()
	var tenants []string
	for tenant, h := range s.view.pendings {
		if !now.Before(h.rec.Expires) && !(restored && q.ofBackup(h.rec.Created)) {
			tenants = append(tenants, tenant)
		}
	}
	return tenants
}

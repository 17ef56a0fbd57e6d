package grant

import (
	"context"

	"go.uber.org/zap"
)

// completeInvitation deletes the link that a tenant's connection was completed with. The grant names it until then, so that a link whose
// consent a crash cut short goes once the connection is complete.
func (s *Service) completeInvitation(ctx context.Context, tenant string) error {
	return s.change(ctx, func(tx *txn) error {
		g, found, err := get(tx, Grant{Tenant: tenant})
		if err != nil || !found || g.Invitation == "" {
			return err
		}
		inv, found, err := get(tx, Invitation{Hash: g.Invitation})
		if err != nil && !unopenable(err) { // such a link works for nobody
			return err
		}
		tx.why = "the connection is complete"
		if found {
			tx.remove(inv)
		}
		g.Invitation = ""
		return tx.put(g)
	})
}

// completeInvitations does so for all that are still to be done.
func (s *Service) completeInvitations(ctx context.Context) {
	for _, tenant := range s.view.completed() {
		if err := s.completeInvitation(ctx, tenant); err != nil {
			if ctx.Err() == nil && s.windows.enter("invitation/"+tenant, s.now(), longestBackoff) {
				s.log.Warn("A used connect link was not deleted; trying again", zap.String("tenant", tenant), zap.Error(err))
			}
			return
		}
	}
}

// completed are the tenants with a key whose link is still to be deleted.
func (v *view) completed() (tenants []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for tenant, g := range v.grants {
		if g.rec.Invitation == "" {
			continue
		}
		if key := v.orgs[g.rec.Org.String()].rec.Key; key == KeyFresh || key == KeyOK {
			tenants = append(tenants, tenant)
		}
	}
	return tenants
}

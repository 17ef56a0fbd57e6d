package grant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

const (
	maxSweptPerPass = 200
	// invitationsEvery is how often invitations are looked through. Unlike what is under way they are not in memory.
	invitationsEvery = 10 * time.Minute
	// abandonedEvery is how often the log says for one client that customers do not come back.
	abandonedEvery = time.Hour
)

// sweep deletes flows, logins, invitations and changes of organisation that ran out. What goes wrong with one kind holds up no other.
func (s *Service) sweep(ctx context.Context) {
	now := s.now()
	flows, logins := s.view.ranOut(now, maxSweptPerPass)
	s.sweepFlows(ctx, flows)
	s.sweepLogins(ctx, logins)
	s.expirePendings(ctx)
	s.sweepAudit(ctx)
	if s.windows.enter("sweep/invitations", now, invitationsEvery) {
		s.sweepInvitations(ctx, now)
		s.sweepFailedConsents(ctx, now)
		s.sweepJournal(ctx, now)
		s.sweepUnreadable(ctx, now)
	}
}

func (s *Service) sweepLogins(ctx context.Context, hashes []string) {
	for _, hash := range hashes {
		if _, err := discard(ctx, s, Login{Hash: hash}); err != nil {
			s.notSwept(ctx, err)
			return
		}
		s.view.leaveLoginSeat(hash)
	}
}

// sweepUnreadable deletes what does not open and can be of no use any more, even where it would open again: it did not for as long as
// anything of its kind lives. That is counted from when this process first found it so; a restart begins anew.
func (s *Service) sweepUnreadable(ctx context.Context, now time.Time) {
	before, found := map[string]time.Time{}, map[string]time.Time{}
	if known := s.unreadableSince.Load(); known != nil {
		before = *known
	}
	note := func(kind store.Kind, key string, life time.Duration, gone func() error) {
		address := addressText(kind, key)
		since, ok := before[address]
		if !ok {
			since = now
		}
		if now.Before(since.Add(life)) {
			found[address] = since
			return
		}
		if err := gone(); err != nil {
			found[address] = since
			s.notSwept(ctx, err)
			return
		}
		s.log.Warn("A record that cannot be opened is deleted; it would have run out by now", zap.String("kind", string(kind)), zap.String("record", shortKey(kind, key)))
	}
	errs := []error{
		eachUnreadable(ctx, s, store.KindFlow, func(key string) Flow { return Flow{StateHash: key} }, 2*FlowLife, note),
		eachUnreadable(ctx, s, store.KindLogin, func(key string) Login { return Login{Hash: key} }, 2*FlowLife, note),
		eachUnreadable(ctx, s, store.KindInvitation, func(key string) Invitation { return Invitation{Hash: key} }, MaxInvitationLife, note),
		eachUnreadable(ctx, s, store.KindPending, pendingOf, PendingLife, note),
	}
	if err := errors.Join(errs...); err != nil { // not everything was seen
		s.notSwept(ctx, err)
		maps.Copy(found, before)
	}
	s.unreadableSince.Store(&found)
}

// eachUnreadable tells note of every record of a kind that does not open. like tells its address.
func eachUnreadable[R record](ctx context.Context, s *Service, kind store.Kind, like func(key string) R, life time.Duration,
	note func(kind store.Kind, key string, life time.Duration, gone func() error),
) error {
	return list(ctx, &s.vault, kind, func(raw store.Record, _ error) {
		note(kind, raw.Key, life, func() error {
			_, err := discard(ctx, s, like(raw.Key))
			return err
		})
	}, func(uint64, R) {})
}

// sweepFlows deletes flows that nobody came back for. Of several processes that find one, the one whose deletion counts tells of it.
func (s *Service) sweepFlows(ctx context.Context, hashes []string) {
	abandoned := map[string]int{} // by client
	for _, hash := range hashes {
		f, err := discard(ctx, s, Flow{StateHash: hash})
		if err != nil {
			s.notSwept(ctx, err)
			break
		}
		s.view.leaveSeat(hash)
		if f.StateHash != "" {
			abandoned[f.Client]++
		}
	}
	for client, n := range abandoned {
		if s.obs.Abandoned != nil {
			s.obs.Abandoned(ctx, n)
		}
		if s.windows.enter("abandoned/"+client, s.now(), abandonedEvery) {
			s.log.Warn("Customers who went to Datadog did not come back in time: they gave up, or Datadog ended their consent on a page of its own", s.abandonedHint(client, n)...)
		}
	}
}

// abandonedHint says what to check. A wrong client_id or redirect_uri ends on an error page of Datadog, and never comes back; only the
// customer sees its text. https://docs.datadoghq.com/developers/authorization/oauth2_endpoints/
func (s *Service) abandonedHint(name string, n int) []zap.Field {
	fields := []zap.Field{zap.String("client", name), zap.Int("consents", n)}
	c, ok := s.clients[name]
	if !ok {
		return append(fields, zap.String("check", "the client is not in the configuration any more"))
	}
	stage := "a test client works only in the organisation that made it; once it is published, configure the id and secret that were shown at submission"
	if c.cfg.Stage == "published" {
		stage = "until Datadog has published the client, the test client is the one to use, with a redirect URI of its own"
	}
	return append(fields, zap.String("client_id", "…"+tail(c.cfg.ClientID)), zap.String("stage", c.cfg.Stage), zap.String("redirect_url", c.cfg.RedirectURL),
		zap.String("check", fmt.Sprintf("where a customer saw \"Invalid client_id parameter value\": %s; where they saw \"Mismatching redirect URI\": register "+
			"exactly this redirect_url for this client in Datadog's developer platform", stage)))
}

// maxLinksSwept bounds what one look deletes, every ten minutes: other work waits for it.
const maxLinksSwept = 5_000

// sweepInvitations keeps an invitation for as long as a consent that began with it may take, and no more of a tenant than work at a time: several
// collectors that share a store may have made more.
func (s *Service) sweepInvitations(ctx context.Context, now time.Time) {
	var old []string
	err := list(ctx, &s.vault, store.KindInvitation, func(store.Record, error) {}, func(_ uint64, inv Invitation) {
		if !now.Before(inv.Expires.Add(FlowLife)) {
			old = append(old, inv.Hash)
		}
	})
	if err == nil {
		err = s.deleteInvitations(ctx, "it ran out", old[:min(len(old), maxLinksSwept)]...)
	}
	if err == nil {
		err = s.readLinks(ctx)
	}
	if err == nil {
		err = s.deleteInvitations(ctx, "newer links of its tenant took its place", s.links.surplus(now, "", "", maxLinksOfTenant)...)
	}
	s.notSwept(ctx, err)
}

// failedLife is how long a consent that failed is kept for the next check of a tenant that never connected: for as long as the link that led to it may work.
const failedLife = MaxInvitationLife

// sweepFailedConsents deletes them. Those of other tenants are part of what is kept of their checks.
func (s *Service) sweepFailedConsents(ctx context.Context, now time.Time) {
	var strangers []string
	err := s.st.Range(ctx, store.KindReport, store.Range{KeysOnly: true}, func(raw store.Record) error {
		if _, err := s.Org(raw.Key); errors.Is(err, credential.ErrUnknownTenant) {
			strangers = append(strangers, raw.Key)
		}
		return nil
	})
	for _, tenant := range strangers {
		if err != nil {
			break
		}
		err = s.change(ctx, func(tx *txn) error {
			c, found, err := get(tx, Checked{Tenant: tenant})
			if err == nil && found && c.Report == nil && c.Failed != nil && !now.Before(c.Failed.At.Add(failedLife)) {
				tx.remove(c)
			}
			if unopenable(err) {
				return nil
			}
			return err
		})
	}
	s.notSwept(ctx, err)
}

func (s *Service) notSwept(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && s.windows.enter("sweep", s.now(), longestBackoff) {
		s.log.Warn("Consents, logins, connect links and journal entries that ran out were not all deleted; trying again", zap.Error(err))
	}
}

// discard deletes a record and returns what it was, or the zero value when somebody else was first, or when it cannot be opened.
func discard[R record](ctx context.Context, s *Service, like R) (gone R, err error) {
	err = s.change(ctx, func(tx *txn) error {
		rec, found, err := get(tx, like)
		gone = rec
		if unopenable(err) {
			gone, found, err = *new(R), true, nil
		}
		if err == nil && found {
			tx.remove(like)
		}
		return err
	})
	return gone, err
}

package grant

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// The role connect makes links without limit and ends none, and each is two records of the audit. So of each tenant some work at a time, the newest,
// and in all as many as a large onboarding has.
const (
	maxLinksOfTenant = 20
	maxLinks         = 20_000
	// deletedForRoom bounds how many older links of tenants that have a newer one end at once, when there are as many as may be.
	deletedForRoom = 1_000
	// linksEvery is how often the store is looked through for one that has come to that bound.
	linksEvery = time.Minute
)

// openLinks are the connect links that work, as far as this process has heard of them: what it made, and every ten minutes what the store
// holds. The links that a check makes for itself are none of them.
type openLinks struct {
	mu    sync.Mutex          // guards the rest
	known map[string]openLink // by hash; nil before the store was read
	read  time.Time           // when it was
}

// openLink is the place that a link takes.
type openLink struct {
	tenant           string
	created, expires time.Time
}

// takeLink gives a link that is to be made a place, or refuses it. surplus are the hashes of those whose time is over once it is made.
func (s *Service) takeLink(ctx context.Context, inv Invitation) (surplus []string, err error) {
	now := s.now()
	if s.links.due(now) {
		if err := s.readLinks(ctx); err != nil {
			return nil, err
		}
	}
	if !s.links.take(inv, now) {
		older := s.links.surplus(now, "", "", 1)
		err := s.deleteInvitations(ctx, "there are as many links as may be, and a newer one of its tenant", older[:min(len(older), deletedForRoom)]...)
		if err != nil {
			return nil, err
		}
		if !s.links.take(inv, now) {
			return nil, fmt.Errorf("%w: connect links of %d tenants work already, and there may be no more: revoke some, or wait until some run out; "+
				"if you did not make them, replace the token that did, which the audit names, and revoke its links", ErrRefused, maxLinks)
		}
	}
	if len(s.links.surplus(now, inv.Tenant, inv.Hash, maxLinksOfTenant)) == 0 {
		return nil, nil
	}
	if err := s.forgetUsedLinks(ctx, inv); err != nil {
		s.links.leave(inv.Hash)
		return nil, err
	}
	return s.links.surplus(now, inv.Tenant, inv.Hash, maxLinksOfTenant), nil
}

// forgetUsedLinks asks the store for the links of a tenant before one of them is ended for there being too many: another collector may have used or ended
// some. Of the one that is about to be made it knows nothing yet.
func (s *Service) forgetUsedLinks(ctx context.Context, made Invitation) error {
	for _, hash := range s.links.surplus(s.now(), made.Tenant, made.Hash, 0) {
		if hash == made.Hash {
			continue
		}
		switch _, found, err := get(s.reader(ctx), Invitation{Hash: hash}); {
		case err != nil:
			return err
		case !found:
			s.links.leave(hash)
		}
	}
	return nil
}

// readLinks learns which links the store holds.
func (s *Service) readLinks(ctx context.Context) error {
	began, all := s.now(), map[string]openLink{}
	unreadable := func(store.Record, error) {} // such a link works for nobody
	err := list(ctx, &s.vault, store.KindInvitation, unreadable, func(_ uint64, inv Invitation) {
		if inv.Check == "" {
			all[inv.Hash] = openLink{inv.Tenant, inv.Created, inv.Expires}
		}
	})
	if err != nil {
		return fmt.Errorf("%w: read: %w", errStore, err)
	}
	s.links.learn(all, began)
	return nil
}

// due reports whether the store has to be read before a link takes a place.
func (l *openLinks) due(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known == nil || l.open(now) >= maxLinks && now.Sub(l.read) >= linksEvery
}

// learn takes over what the store held at a time. What was made since is kept.
func (l *openLinks) learn(all map[string]openLink, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for hash, link := range l.known {
		if !link.created.Before(at) {
			all[hash] = link
		}
	}
	l.known, l.read = all, at
}

// take reports whether there is room.
func (l *openLinks) take(inv Invitation, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open(now) >= maxLinks {
		return false
	}
	l.known[inv.Hash] = openLink{inv.Tenant, inv.Created, inv.Expires}
	return true
}

// open counts those that work. The caller holds mu.
func (l *openLinks) open(now time.Time) (n int) {
	for _, link := range l.known {
		if now.Before(link.expires) {
			n++
		}
	}
	return n
}

// surplus are the hashes of those that a tenant has beyond so many, the oldest first; of all tenants where it is empty. newest is the last of them,
// whatever the clock said when the others were made.
func (l *openLinks) surplus(now time.Time, tenant, newest string, most int) (hashes []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := map[string][]string{}
	for hash, link := range l.known {
		if now.Before(link.expires) && (tenant == "" || link.tenant == tenant) {
			of[link.tenant] = append(of[link.tenant], hash)
		}
	}
	for _, own := range of {
		slices.SortFunc(own, func(a, b string) int {
			switch newest {
			case a:
				return 1
			case b:
				return -1
			}
			return cmp.Or(l.known[a].created.Compare(l.known[b].created), strings.Compare(a, b))
		})
		hashes = append(hashes, own[:max(0, len(own)-most)]...)
	}
	return hashes
}

// leave gives the place of a link back that is gone, or was not made.
func (l *openLinks) leave(hash string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.known, hash)
}

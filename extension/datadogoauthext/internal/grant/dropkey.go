package grant

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const (
	// keyDeletionFor is how long answers such as 500 to the deletion of a key, or a record that cannot be opened, hold up the revocation of
	// the tokens that it needs.
	keyDeletionFor = time.Hour
	// maxRevocationRefreshes: an ended connection refreshes its token to delete its key, and an unknown outcome is tried once more.
	maxRevocationRefreshes = 2
	// deletionNeeds is how long an access token must be good for to begin a deletion with.
	deletionNeeds = time.Minute
)

// errNoBearer: an ended connection has no access token any more.
var errNoBearer = errors.New("no access token of the connection was left to delete it with")

// errKeyWaits: whether the key may be deleted stands in a record that cannot be opened. It is looked at again until it can.
var errKeyWaits = errors.New("whether the API key of the organisation is used any more is not known")

// dropKey deletes the API key of an organisation that no tenant uses any more, at Datadog where that is allowed and from the store in any
// case. Where it is not allowed, the organisation's KeyReason says which key the customer has to revoke, and where. Its error means that it
// has to be tried again. It holds the right to mint, so that a consent at the same moment mints after it or keeps the key.
func (s *Service) dropKey(ctx context.Context, c *client, at site.Site, r Revocation) error {
	return s.withLease(ctx, mintName(r.Org), func(ctx context.Context, fence uint64) error {
		if err := s.save(ctx, mintName(r.Org)); err != nil {
			return err
		}
		used, err := s.inUse(ctx, r.Org)
		if err != nil {
			return err
		}
		if used {
			s.revoked(ctx, RevokedKeyInUse)
			return nil
		}
		o, found, err := get(s.reader(ctx), Org{Org: r.Org})
		if err != nil && !errors.Is(err, errStore) {
			return fmt.Errorf("%w: the record that holds it: %w", errKeyWaits, err)
		}
		if err != nil || !found || o.APIKey == "" && o.KeyID == "" {
			return err
		}
		err = s.deleteKeyOf(ctx, c, at, r, o.KeyID)
		if err != nil && deletionMayWork(err) && (!wasAnswered(err) || s.now().Before(r.Asked.Add(keyDeletionFor))) {
			return err
		}
		if err != nil {
			used, listErr := s.inUse(ctx, r.Org) // a consent since then finds the key as it was
			if listErr != nil || used {
				return listErr
			}
		}
		return s.eraseKey(ctx, o, at, fence, err)
	})
}

// deleteKeyOf deletes a key with a token of an ended connection.
func (s *Service) deleteKeyOf(ctx context.Context, c *client, at site.Site, r Revocation, keyID string) error {
	token, err := s.endedAccessToken(ctx, c, at, r)
	if err != nil {
		return err
	}
	return s.deleteKey(ctx, at, token, keyID)
}

// deletionMayWork tells a fault that may pass from an answer, or a lack, that will not.
func deletionMayWork(err error) bool {
	if errors.Is(err, errNoBearer) {
		return false
	}
	switch kindOf(err) {
	case callForbidden, callRefused, callInvalidGrant, callClientDisabled, callConflict:
		return false
	default:
		return true
	}
}

// wasAnswered reports whether an error is an answer of Datadog.
func wasAnswered(err error) bool {
	var call *callError
	return errors.As(err, &call) && call.status != 0 && call.kind != callClientRejected
}

// eraseKey takes the key out of the store. failure is why it is still at Datadog, or nil when it is gone: what the customer needs to find
// it stays in the record then.
func (s *Service) eraseKey(ctx context.Context, o Org, at site.Site, fence uint64, failure error) error {
	reason, outcome := fmt.Sprintf("the API key …%s was deleted at %s after the last tenant of the organisation disconnected", o.Last4, since(s.now())), RevokedKeyDeleted
	if failure != nil {
		reason, outcome = keyRemains(o, at, failure), RevokedKeyRemaining
	}
	kept := false
	err := s.changeOrg(ctx, s.persist, o.Org, func(cur *Org) error {
		if cur.Mint.Fence > fence {
			return errTakenOver(o.Org)
		}
		if kept = cur.Generation != o.Generation; kept {
			return nil
		}
		cur.APIKey, cur.Foreign, cur.ValidatedAt = "", false, time.Time{}
		if failure == nil {
			cur.KeyID, cur.KeyName, cur.Last4 = "", "", ""
		}
		cur.Mint = MintJournal{Fence: fence}
		return cur.event(EvKeyDropped, reason, s.now())
	})
	if err != nil || kept {
		return err
	}
	s.revoked(ctx, outcome)
	s.log.Info("The API key of an organisation without tenants is dropped", zap.Stringer("org", o.Org), zap.String("what", reason))
	return nil
}

// keyRemains says what the customer has to do about a key that this program could not delete.
func keyRemains(o Org, at site.Site, why error) string {
	name := "the key whose name contains \"" + keyNameMark + "\""
	if o.KeyName != "" {
		name = fmt.Sprintf("the key %q", o.KeyName)
	}
	return fmt.Sprintf("the API key is not used any more, but could not be deleted from here: ask the customer to open %s and revoke %s (id %s, last four characters %s): %s",
		keysPage(at), name, o.KeyID, o.Last4, why)
}

// inUse reports whether a tenant that is not disconnected uses an organisation. Memory says who may, and each of them is looked up: what was
// stored a moment ago may not be in memory yet. Where other processes write to the store too, all other grants are read besides. A grant
// that cannot be opened may be of any organisation, unless memory knows of which: the error is errKeyWaits then.
func (s *Service) inUse(ctx context.Context, org credential.Org) (bool, error) {
	for _, tenant := range s.view.awaiting(org) {
		p, found, err := get(s.reader(ctx), pendingOf(tenant))
		if errors.Is(err, errStore) {
			return false, err
		}
		if err == nil && found && p.Grant.Org == org {
			return true, nil // whoever ends that change asks for the key's deletion again
		}
	}
	users, unknown := s.view.users(org)
	for _, tenant := range users {
		g, found, err := get(s.reader(ctx), Grant{Tenant: tenant})
		if errors.Is(err, errStore) {
			return false, err
		}
		if err != nil || found && g.uses(org) {
			return true, nil
		}
	}
	if s.shared != nil {
		return s.inUseInStore(ctx, org)
	}
	return false, unknownOrg(unknown)
}

// inUseInStore is inUse with every grant of the store, for what memory has not heard of.
func (s *Service) inUseInStore(ctx context.Context, org credential.Org) (used bool, err error) {
	unknown := ""
	unreadable := func(raw store.Record, _ error) {
		s.view.mu.Lock()
		defer s.view.mu.Unlock()
		if g, ok := s.view.grants[raw.Key]; ok {
			used = used || g.rec.uses(org)
		} else {
			unknown = raw.Key
		}
	}
	err = list(ctx, &s.vault, store.KindGrant, unreadable, func(_ uint64, g Grant) { used = used || g.uses(org) })
	if err != nil {
		return false, fmt.Errorf("%w: read: %w", errStore, err)
	}
	if used {
		return true, nil
	}
	return false, unknownOrg(unknown)
}

func (g Grant) uses(org credential.Org) bool { return g.Org == org && g.Hold != HoldDisconnected }

// users are the tenants that use an organisation, as far as memory knows. unknown is one whose grant cannot be opened and never could, or
// empty.
func (v *view) users(org credential.Org) (tenants []string, unknown string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for t := range v.tenants[org.String()].all() {
		if v.grants[t].rec.uses(org) {
			tenants = append(tenants, t)
		}
	}
	for t := range v.badTenants {
		if _, ok := v.grants[t]; !ok {
			unknown = t
		}
	}
	return tenants, unknown
}

// awaiting are the tenants with a pending change to an organisation.
func (v *view) awaiting(org credential.Org) (tenants []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for t, h := range v.pendings {
		if h.rec.Grant.Org == org {
			tenants = append(tenants, t)
		}
	}
	return tenants
}

// unknownOrg is nil where tenant is empty.
func unknownOrg(tenant string) error {
	if tenant == "" {
		return nil
	}
	return fmt.Errorf("%w: the record of tenant %s cannot be opened, and the tenant may use it; restore the record from a backup, or disconnect that tenant", errKeyWaits, tenant)
}

// endedAccessToken is the access token of an ended connection. One that ran out is refreshed, journalled as every refresh is: what Datadog
// gives is stored in the item before it is used.
func (s *Service) endedAccessToken(ctx context.Context, c *client, at site.Site, r Revocation) (string, error) {
	tok := r.Token
	if tok.AccessToken != "" && s.now().Add(deletionNeeds).Before(tok.Expiry) {
		return tok.AccessToken, nil
	}
	dead := tok.RefreshToken == "" || tok.Fact == TokenReauthorise || tok.ClientID != "" && tok.ClientID != c.cfg.ClientID
	if dead || tok.Refresh.Unanswered >= maxRevocationRefreshes {
		return "", errNoBearer
	}
	if s.ofBackup(tok.RefreshedAt) {
		return "", errOfBackup
	}
	leave, err := s.admitted(ctx, c, "refresh the access token of an ended connection")
	if err != nil {
		return "", err
	}
	defer leave()
	err = s.changeRevocation(ctx, s.change, r.ID, func(cur *Revocation) {
		cur.Token.Refresh.Begun = s.now()
		cur.Token.Refresh.Unanswered++ // taken back by an answer
	})
	if err != nil {
		return "", err
	}
	set, callErr := s.redeem(ctx, c, at, tok.RefreshToken)
	keep := func(ctx context.Context, fn func(*txn) error) error { return s.keep(ctx, revocationName(r.ID), fn) }
	err = s.changeRevocation(ctx, keep, r.ID, func(cur *Revocation) {
		if cur.Token.RefreshToken != tok.RefreshToken {
			return
		}
		t := &cur.Token
		t.Refresh.Begun = time.Time{}
		switch {
		case callErr == nil:
			t.AccessToken, t.Expiry, t.RefreshedAt, t.Refresh.Unanswered = set.access, set.expiry, s.now(), 0
			if set.refresh != "" {
				t.RefreshToken = set.refresh
			}
		case kindOf(callErr) != callUnanswered:
			t.Refresh.Unanswered = max(0, t.Refresh.Unanswered-1)
		}
	})
	if err != nil {
		return "", err
	}
	return set.access, callErr
}

// deleteKey deletes an API key of the token's organisation. Whether a partner's token may is not documented. A key that is gone already
// counts as deleted.
//
// DELETE /api/v2/api_keys/{api_key_id}: 204, 403, 404, 429.
// https://docs.datadoghq.com/api/latest/key-management/#delete-an-api-key
func (s *Service) deleteKey(ctx context.Context, at site.Site, accessToken, keyID string) error {
	doing := "delete the API key at " + at.Hostname(site.HostAPI)
	if !plausibleID(keyID) {
		return &callError{kind: callRefused, doing: doing, advice: "its id is not known"}
	}
	err := s.apiCall(ctx, doing, http.MethodDelete, at, "/api/v2/api_keys/"+keyID, "Authorization", bearerScheme+accessToken, nil)
	var call *callError
	if errors.As(err, &call) && call.status == http.StatusNotFound {
		return nil
	}
	return explainForbidden(err, "Datadog does not let this integration delete keys")
}

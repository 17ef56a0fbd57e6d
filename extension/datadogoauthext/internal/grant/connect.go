package grant

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// Connected is what a completed consent led to.
type Connected struct {
	Tenant  string
	Site    site.Site
	OrgName string // may be empty
	Last4   string // of the API key
}

// ConnectError says why a consent did not end in a connection.
type ConnectError struct {
	// Outcome is one of a closed set, for counting.
	Outcome string
	// Customer is what the person at the browser can do. It holds no secret.
	Customer string
	// Err is for the operator's log. It holds no secret either.
	Err error
}

func (e *ConnectError) Error() string { return e.Err.Error() }
func (e *ConnectError) Unwrap() error { return e.Err }

// Outcomes of ConnectError.
const (
	OutcomeExchangeRefused    = "exchange_refused"
	OutcomeExchangeUnanswered = "exchange_unanswered"
	OutcomeClientRejected     = "client_rejected"
	OutcomeOrgUnknown         = "org_unknown"
	OutcomeOtherOrg           = "other_org"
	OutcomeKeyExists          = "key_exists"
	OutcomeScopeMissing       = "scope_missing"
	OutcomeMintFailed         = "mint_failed"
	OutcomeStoreFailed        = "store_failed"
)

// errOtherOrg: a tenant's data keeps going to the organisation that it is connected to until an operator decides.
var errOtherOrg = errors.New("the tenant is already connected to another organisation or site; nothing was changed, and its data keeps going there. " +
	"If the change is wanted, connect that organisation under a new tenant name")

// Connect completes a consent: it redeems the code, learns the organisation, stores the grant and makes sure of an API
// key. f was consumed before, so the code is exchanged once. at is the site of the callback's domain.
//
// Whether the browser waits makes no difference: from here on the work runs on the service's own time.
func (s *Service) Connect(ctx context.Context, f Flow, at site.Site, code string) (Connected, error) {
	const later = "Connecting is not possible at the moment. Open the connect link again in a few minutes."
	if err := s.checkReady(); err != nil {
		return Connected{}, &ConnectError{OutcomeStoreFailed, later, err}
	}
	end, ok := s.life.begin()
	if !ok {
		return Connected{}, &ConnectError{OutcomeStoreFailed, later, errStopping}
	}
	defer end()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), operation)
	defer cancel()
	defer context.AfterFunc(s.life.flying, cancel)()
	c, ok := s.clients[f.Client]
	if !ok {
		err := fmt.Errorf("client %s is not in the configuration any more", f.Client)
		return Connected{}, &ConnectError{OutcomeStoreFailed, askPartner, err}
	}
	set, err := s.exchange(ctx, c, at, code, f.Verifier)
	if err != nil {
		return Connected{}, exchangeError(err, f, at)
	}
	var id, name string
	err = s.repeated(ctx, func() (err error) { // it changes nothing, and giving up costs the customer another consent
		id, name, err = s.currentOrg(ctx, at, set.access)
		return err
	}, callUnanswered, callUnsent, callThrottled)
	if err != nil {
		return Connected{}, &ConnectError{OutcomeOrgUnknown, "Datadog did not say which organisation you connected. Open the connect link again in a few minutes.", err}
	}
	org := credential.Org{Client: f.Client, Site: at.Domain(), ID: id}
	if err := s.storeGrant(ctx, f, c.cfg.ClientID, org, name, set); err != nil {
		return Connected{}, err
	}
	s.backoff.clear(f.Tenant)
	s.log.Info("A customer gave consent", zap.String("tenant", f.Tenant), zap.String("client", f.Client), zap.String("site", at.Domain()), zap.String("org", id))
	if err := s.ensureKey(ctx, org, set.access); err != nil {
		return Connected{}, mintError(err, at)
	}
	if err := s.consumeInvitation(ctx, f.Invitation); err != nil {
		s.log.Warn("The used connect link was not deleted; it works until it expires", zap.String("tenant", f.Tenant), zap.Error(err))
	}
	o := s.orgView(org)
	return Connected{Tenant: f.Tenant, Site: at, OrgName: o.Name, Last4: o.Last4}, nil
}

// storeGrant writes grant, token and organisation in one step, or nothing when the tenant belongs to another organisation.
func (s *Service) storeGrant(ctx context.Context, f Flow, clientID string, org credential.Org, orgName string, set tokenSet) error {
	err := s.persist(ctx, func(tx *txn) error {
		now := s.now()
		g, had, err := get(tx, Grant{Tenant: f.Tenant})
		if err != nil {
			return err
		}
		if had && g.Hold != HoldDisconnected && g.Org != org {
			return errOtherOrg
		}
		g.Tenant, g.Org, g.AppOrigin, g.StartedDomain, g.CallbackDomain = f.Tenant, org, f.AppOrigin, f.StartedDomain, org.Site
		g.Scopes, g.ConnectedAt = strings.Fields(set.scopes), now
		if err := g.event(EvReconnect, "", now); err != nil {
			return err
		}
		tok, _, err := get(tx, Token{Tenant: f.Tenant})
		if errors.Is(err, errStore) {
			return err
		}
		if err != nil {
			tok = Token{} // it cannot be opened, and what it held is of no more use
		}
		tok.Tenant, tok.Client, tok.AccessToken, tok.Expiry, tok.RefreshedAt = f.Tenant, f.Client, set.access, set.expiry, now
		tok.ClientID = clientID
		tok.RefreshToken, tok.Refresh = set.refresh, RefreshJournal{}
		if err := tok.event(EvConnected, "", now); err != nil {
			return err
		}
		o, hadOrg, err := get(tx, Org{Org: org})
		if err != nil {
			return err
		}
		if !hadOrg || o.Name != orgName {
			o.Org, o.Name, o.Key = org, orgName, factOr(o.Key, KeyNone)
			if err := tx.put(o); err != nil {
				return err
			}
		}
		return errors.Join(tx.put(g), tx.put(tok))
	})
	switch {
	case errors.Is(err, errOtherOrg):
		return &ConnectError{OutcomeOtherOrg, "This account is already connected to another Datadog organisation or site. Nothing was changed. " + askPartner, fmt.Errorf("tenant %s: %w", f.Tenant, err)}
	case err != nil:
		return &ConnectError{OutcomeStoreFailed, "The connection could not be saved. Open the connect link again later.", err}
	}
	return nil
}

const askPartner = "Ask the support of whoever sent you the link."

// exchangeError adds what the person at the browser, and the operator, can do.
func exchangeError(err error, f Flow, at site.Site) error {
	switch kindOf(err) {
	case callClientRejected:
		return &ConnectError{OutcomeClientRejected, "Datadog does not accept this service's own credentials at the moment. " + askPartner + " Then open the connect link again.", err}
	case callInvalidGrant:
		started := f.StartedDomain
		if started == "" {
			started = "unknown"
		}
		err = fmt.Errorf("%w: a code works once, for some minutes, at one site, with the verifier of its own attempt "+
			"(site at the start: %s, domain of the callback: %s, app origin: %s); let the customer open the connect link again", err, started, at.Domain(), f.AppOrigin)
		return &ConnectError{OutcomeExchangeRefused, "Datadog did not accept the authorization: it may have taken too long. Open the connect link again.", err}
	case callUnanswered, callUnsent, callThrottled:
		return &ConnectError{OutcomeExchangeUnanswered, "Datadog could not be reached or did not answer. Open the connect link again in a few minutes.", err}
	default:
		return &ConnectError{OutcomeExchangeRefused, "Datadog did not accept the authorization. " + askPartner, err}
	}
}

// mintError does the same for the API key. The grant itself is stored by then.
func mintError(err error, at site.Site) error {
	switch kindOf(err) {
	case callConflict:
		return &ConnectError{OutcomeKeyExists, keyRecovery(at) + " Then open the connect link again.", err}
	case callForbidden:
		return &ConnectError{OutcomeScopeMissing, "Datadog did not allow this service to make an API key. " + askPartner, err}
	default:
		return &ConnectError{OutcomeMintFailed, "The connection is made, but Datadog gave no API key yet. Open the connect link again in a few minutes.", err}
	}
}

// keyRecovery is Datadog's documented way out when a key exists whose value is lost.
// https://docs.datadoghq.com/developers/integrations/api_integration/ (troubleshooting)
func keyRecovery(at site.Site) string {
	return fmt.Sprintf("Datadog already has an API key of this integration for your organisation, and shows its value only once. "+
		"Open %s/organization-settings/api-keys, find the key whose name contains \"OAuth Client API Key\", and revoke it.", at.AppOrigin())
}

func (s *Service) orgView(org credential.Org) Org {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	return s.view.orgs[org.String()].rec
}

// since formats a moment for a reason that people read.
func since(t time.Time) string { return t.UTC().Format(time.RFC3339) }

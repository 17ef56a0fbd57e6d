package grant

import (
	"context"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Pass does what is due, one duty after the other, as the background does every half minute.
func (s *Service) Pass(ctx context.Context) {
	for _, duty := range s.duties() {
		duty(ctx)
	}
	s.reportTrouble()
}

// ApplyNothing is what a change of no grant does to the view.
func (s *Service) ApplyNothing() { s.takeIn(nil) }

// Stopping is closed once Close was called.
func (s *Service) Stopping() <-chan struct{} { return s.life.stopping.Done() }

// AccessToken returns a token that is good for some minutes.
func (s *Service) AccessToken(ctx context.Context, tenant string) (string, error) {
	tok, err := s.accessToken(ctx, tenant)
	return tok.AccessToken, err
}

// JudgeKey asks Datadog about a tenant's key, as Refused does in the background.
func (s *Service) JudgeKey(ctx context.Context, tenant string) error {
	c, err := s.Lookup(tenant)
	if err != nil {
		return err
	}
	return s.judgeKey(ctx, c.Org(), c.Generation())
}

// Reconcile compares the store with the configuration, as the background does after loading.
func (s *Service) Reconcile(ctx context.Context) { s.reconcile(ctx) }

// BeginMint stores the intent to mint for a tenant's organisation under a fence.
func (s *Service) BeginMint(ctx context.Context, tenant string, fence uint64) error {
	org, err := s.Org(tenant)
	if err != nil {
		return err
	}
	_, err = s.beginMint(ctx, org, fence, 1)
	return err
}

// RefusalText reads the body of an answer that says no.
func RefusalText(body []byte, secrets ...string) (code, description string) {
	return refusalText(body, secrets...)
}

// RefreshDue does the refreshes that are due, as a pass does.
func (s *Service) RefreshDue(ctx context.Context) { s.refreshDue(ctx) }

// Trouble is what an operator can cure.
func (s *Service) Trouble() error { return s.troubles() }

// CallsAtOnce is how many calls of one kind go to one site at the same time.
const CallsAtOnce = callsAtOnce

// Flows is how many consents are under way, as far as memory knows.
func (s *Service) Flows() int {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	return len(s.view.flows)
}

// TakeoverAfter is how long an unfinished intent of another process is left alone.
const TakeoverAfter = takeoverAfter

// Seen is the version of a record that memory knows.
func (s *Service) Seen(kind store.Kind, key string) uint64 { return s.view.seen(kind, key) }

// SendingPass does what a send-only service does now and then.
func (s *Service) SendingPass(ctx context.Context) { s.sendingPass(ctx) }

// Stored is what the store holds of a tenant: its tokens, and its organisation with the key.
func (s *Service) Stored(ctx context.Context, tenant string) (Token, Org, error) {
	tok, _, err := get(s.reader(ctx), Token{Tenant: tenant})
	if err != nil {
		return Token{}, Org{}, err
	}
	g, _, err := get(s.reader(ctx), Grant{Tenant: tenant})
	if err != nil {
		return Token{}, Org{}, err
	}
	o, _, err := get(s.reader(ctx), Org{Org: g.Org})
	return tok, o, err
}

// EditOrg changes the record of a tenant's organisation, as another process may.
func (s *Service) EditOrg(ctx context.Context, tenant string, edit func(*Org)) error {
	org, err := s.Org(tenant)
	if err != nil {
		return err
	}
	return s.changeOrg(ctx, s.change, org, func(o *Org) error { edit(o); return nil })
}

// StoreKey stores the answer to a mint.
func (s *Service) StoreKey(ctx context.Context, tenant, id, key string, fence, generation uint64) error {
	org, err := s.Org(tenant)
	if err != nil {
		return err
	}
	return s.storeKey(ctx, org, mintedKey{id: id, key: key, last4: "1234"}, fence, generation)
}

// ErrAnsweredLate is what StoreKey says of an answer that came late and was taken.
var ErrAnsweredLate = errAnsweredLate

// MaxLogins is how many logins may wait for their ticket.
const MaxLogins = maxLogins

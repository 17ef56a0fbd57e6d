package grant

import (
	"context"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
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

// MoveTo has the store say that a tenant is connected at a site.
func (s *Service) MoveTo(ctx context.Context, tenant, domain string) error {
	return s.change(ctx, func(tx *txn) error {
		g, _, err := get(tx, Grant{Tenant: tenant})
		if err != nil {
			return err
		}
		g.Org.Site = domain
		return tx.put(g)
	})
}

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

// Described are the records of a change from one state to another, either of which may be nil.
func Described(before, after record) []audit.Record {
	key, _ := audit.NewFingerprintKey()
	rec := after
	if rec == nil {
		rec = before
	}
	kind, address := rec.address()
	return (&txn{ctx: context.Background()}).describeAll([]step{{kind: kind, key: address, before: before, after: after}}, key)
}

// Cell is one of the tables of facts.
type Cell struct{ Table, From, Event, To string }

// Cells are all of them.
func Cells() []Cell {
	return append(append(cellsOf("token", tokenTable), cellsOf("key", keyTable)...), cellsOf("hold", holdTable)...)
}

func cellsOf[F, E ~string](name string, t table[F, E]) (cells []Cell) {
	for from, row := range t {
		for event, to := range row {
			cells = append(cells, Cell{name, string(from), string(event), string(to)})
		}
	}
	return cells
}

// Begin puts a tenant into the state of a cell, for a reason, and Happen lets the event of the cell happen to it, for the reason why.
func (s *Service) Begin(ctx context.Context, tenant string, c Cell, reason string) error {
	return s.editFacts(ctx, tenant, c.Table, func(t *Token, o *Org, g *Grant) error {
		switch c.Table {
		case "token":
			t.Fact, t.Reason = TokenFact(c.From), reason
		case "key":
			o.Key, o.KeyReason = KeyFact(c.From), reason
		default:
			g.Hold, g.HoldReason = Hold(c.From), reason
		}
		return nil
	})
}

// Happen lets the event of a cell happen.
func (s *Service) Happen(ctx context.Context, tenant string, c Cell, why string) error {
	return s.editFacts(ctx, tenant, c.Table, func(t *Token, o *Org, g *Grant) error {
		switch c.Table {
		case "token":
			return t.event(TokenEvent(c.Event), why, s.now())
		case "key":
			return o.event(KeyEvent(c.Event), why, s.now())
		default:
			return g.event(HoldEvent(c.Event), why, s.now())
		}
	})
}

func (s *Service) editFacts(ctx context.Context, tenant, table string, edit func(*Token, *Org, *Grant) error) error {
	return s.change(ctx, func(tx *txn) error {
		g, _, err := get(tx, Grant{Tenant: tenant})
		if err != nil {
			return err
		}
		t, _, err := get(tx, Token{Tenant: tenant})
		if err != nil {
			return err
		}
		o, _, err := get(tx, Org{Org: g.Org})
		if err != nil {
			return err
		}
		if err := edit(&t, &o, &g); err != nil {
			return fmt.Errorf("%s: %w", table, err)
		}
		return tx.put(map[string]record{"token": t, "key": o, "hold": g}[table])
	})
}

// SweepAudit sweeps at once.
func (s *Service) SweepAudit(ctx context.Context) {
	s.windows.forget("sweep/audit")
	s.sweepAudit(ctx)
}

// SweepInvitations sweeps at once.
func (s *Service) SweepInvitations(ctx context.Context) { s.sweepInvitations(ctx, s.now()) }

// PretendLinks has the service believe in so many links that work, so many of each tenant.
func (s *Service) PretendLinks(n, each int) {
	all, now := map[string]openLink{}, s.now()
	for i := range n {
		all[fmt.Sprint(i)] = openLink{fmt.Sprint("tenant ", i/each), now, now.Add(MaxInvitationLife)}
	}
	s.links.learn(all, now)
}

// CompareSettings does so at once.
func (s *Service) CompareSettings(ctx context.Context) { s.compareSettings(ctx) }

func (w *windows) forget(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.m, key)
}

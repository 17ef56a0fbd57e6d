package grant

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// view is what memory knows of the store: enough to answer without reading it.
type view struct {
	mu      sync.Mutex // guards the rest
	orgs    map[string]held[Org]
	grants  map[string]held[Grant]
	tokens  map[string]held[Token]
	tenants map[string]map[string]struct{} // by org
	flows   map[string]flowSeat            // by hash of state
	// What could not be opened: grants and tokens by tenant, organisations by org.
	badTenants map[string]error
	badTokens  map[string]error
	badOrgs    map[string]error
	clients    map[string]*client // of the configuration; fixed
	states     map[string]State   // by tenant
	counts     map[State]int
}

type held[R record] struct {
	version uint64
	rec     R
}

// flowSeat is the place that a flow takes among those under way.
type flowSeat struct {
	tenant  string
	expires time.Time
}

func (v *view) init() {
	v.orgs, v.grants, v.tokens = map[string]held[Org]{}, map[string]held[Grant]{}, map[string]held[Token]{}
	v.tenants, v.flows = map[string]map[string]struct{}{}, map[string]flowSeat{}
	v.badTenants, v.badTokens, v.badOrgs = map[string]error{}, map[string]error{}, map[string]error{}
	v.states, v.counts = map[string]State{}, map[State]int{}
}

// load reads every record. A grant or organisation that cannot be opened makes its tenants unreadable and no other. Tokens that cannot
// be opened stop nothing.
func (s *Service) load(ctx context.Context) error {
	var all []versioned
	badTenants, badTokens, badOrgs := map[string]error{}, map[string]error{}, map[string]error{}
	note := func(bad map[string]error) func(store.Record, error) {
		return func(raw store.Record, err error) {
			bad[raw.Key] = err
			s.log.Error("A record cannot be opened; restore it from a backup. Until then the tenants of a grant or an organisation wait, "+
				"and a token or a client is taken as missing", zap.String("kind", string(raw.Kind)), zap.String("record", shortKey(raw)), zap.Error(err))
		}
	}
	var clients []Client
	err := list(ctx, &s.vault, store.KindClient, note(map[string]error{}), func(_ uint64, c Client) { clients = append(clients, c) })
	if err == nil {
		err = list(ctx, &s.vault, store.KindOrg, note(badOrgs), collect[Org](&all, store.KindOrg))
	}
	if err == nil {
		err = list(ctx, &s.vault, store.KindGrant, note(badTenants), collect[Grant](&all, store.KindGrant))
	}
	if err == nil {
		err = list(ctx, &s.vault, store.KindToken, note(badTokens), collect[Token](&all, store.KindToken))
	}
	if err == nil {
		err = list(ctx, &s.vault, store.KindFlow, func(store.Record, error) {}, collect[Flow](&all, store.KindFlow))
	}
	if err != nil {
		return fmt.Errorf("read the grant store: %w", err)
	}
	for _, rec := range clients {
		if c, ok := s.clients[rec.Name]; ok && !rec.RejectedSince.IsZero() && rec.ClientID == c.cfg.ClientID {
			c.gate.resume(rec.RejectedSince)
		}
	}
	s.view.mu.Lock()
	s.view.badTenants, s.view.badTokens, s.view.badOrgs = badTenants, badTokens, badOrgs
	s.view.mu.Unlock()
	s.takeIn(all, true)
	s.log.Info("Grants are loaded", zap.Int("tenants", len(s.tenantNames())))
	return nil
}

func collect[R record](all *[]versioned, kind store.Kind) func(uint64, R) {
	return func(version uint64, rec R) {
		_, key := rec.address()
		*all = append(*all, versioned{kind: kind, key: key, version: version, rec: rec})
	}
}

// list opens every record of a kind; bad is told of those that cannot be opened.
func list[R record](ctx context.Context, v *vault, kind store.Kind, bad func(store.Record, error), good func(uint64, R)) error {
	return v.st.List(ctx, kind, func(raw store.Record) error {
		rec, err := open[R](v, raw)
		if err != nil {
			bad(raw, err)
			return nil
		}
		good(raw.Version, rec)
		return nil
	})
}

// apply takes what was written into the view, and publishes the credentials that it changes. Before load it publishes nothing: a table
// without the tenants that are still in the store would call them unknown.
func (s *Service) apply(written []versioned) { s.takeIn(written, false) }

// takeIn is apply, and for load the step that makes the service ready.
func (s *Service) takeIn(written []versioned, loaded bool) {
	v := &s.view
	v.mu.Lock()
	touched := map[string]struct{}{}
	for _, w := range written {
		switch w.kind {
		case store.KindOrg:
			take(v.orgs, w)
			delete(v.badOrgs, w.key)
			for t := range v.tenants[w.key] {
				touched[t] = struct{}{}
			}
		case store.KindGrant:
			if old, ok := v.grants[w.key]; ok {
				delete(v.tenants[old.rec.Org.String()], w.key)
			}
			take(v.grants, w)
			if g, ok := v.grants[w.key]; ok {
				org := g.rec.Org.String()
				if v.tenants[org] == nil {
					v.tenants[org] = map[string]struct{}{}
				}
				v.tenants[org][w.key] = struct{}{}
			}
			touched[w.key] = struct{}{}
		case store.KindToken:
			take(v.tokens, w)
			delete(v.badTokens, w.key)
			touched[w.key] = struct{}{}
		case store.KindFlow:
			if f, ok := w.rec.(Flow); ok {
				v.flows[w.key] = flowSeat{tenant: f.Tenant, expires: f.Expires}
			} else {
				delete(v.flows, w.key)
			}
		}
	}
	if loaded {
		for t := range v.badTenants {
			touched[t] = struct{}{}
		}
	}
	if loaded || s.Ready() {
		s.publish(touched)
	}
	v.mu.Unlock()
	if len(touched) > 0 {
		s.reportTrouble()
	}
}

// take keeps the newer of two versions.
func take[R record](m map[string]held[R], w versioned) {
	if w.rec == nil {
		delete(m, w.key)
		return
	}
	if cur, ok := m[w.key]; ok && cur.version > w.version {
		return
	}
	m[w.key] = held[R]{version: w.version, rec: w.rec.(R)}
}

// facts reads the facts of a tenant, and the reason of the gravest. The caller holds mu.
func (v *view) facts(tenant string) (Facts, string) {
	f := Facts{Token: TokenNone, Key: KeyNone, Hold: HoldNone}
	if err := v.badTenants[tenant]; err != nil {
		f.Hold = HoldUnreadable
		return f, err.Error()
	}
	g, ok := v.grants[tenant]
	if !ok {
		return f, ""
	}
	f.Hold = g.rec.Hold
	var tokenReason string
	f.Token, tokenReason = v.tokenFact(tenant)
	org := g.rec.Org.String()
	if err := v.badOrgs[org]; err != nil {
		f.Hold = HoldUnreadable
		return f, err.Error()
	}
	o := v.orgs[org].rec
	if o.Key != "" {
		f.Key = o.Key
	}
	switch f.State() {
	case StateDisconnected, StatePaused:
		return f, g.rec.HoldReason
	case StateKeyRefused, StateKeyMissing, StateMinting:
		return f, o.KeyReason
	default:
		return f, tokenReason
	}
}

// tokenFact is what the tokens of a tenant are good for, and why. That a client is not in the configuration is found here and stored
// nowhere, so it is over when the client is put back. The caller holds mu.
func (v *view) tokenFact(tenant string) (TokenFact, string) {
	if v.badTokens[tenant] != nil {
		return TokenReauthorise, "its token record cannot be read; restore the store from a backup, or send the customer the connect link, which replaces the record"
	}
	tok := v.tokens[tenant].rec
	fact := factOr(tok.Fact, TokenNone)
	if fact != TokenNone && fact != TokenReauthorise && v.clients[tok.Client] == nil {
		return TokenReauthorise, clientMissing(tok.Client)
	}
	return fact, tok.Reason
}

func clientMissing(name string) string {
	return "client " + name + " is not in the configuration; put it back under clients, or send the customer the connect link"
}

func (s *Service) tenantNames() []string {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	names := make([]string, 0, len(s.view.states))
	for t := range s.view.states {
		names = append(names, t)
	}
	return names
}

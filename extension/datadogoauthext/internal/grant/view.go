package grant

import (
	"errors"
	"fmt"
	"maps"
	"sync"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// view is what memory knows of the store: enough to answer without reading it.
type view struct {
	mu sync.Mutex // guards the rest
	records
	// refused holds, by org, the generation of a key that this process found refused and could not write down.
	refused map[string]uint64
	clients map[string]*client // of the configuration; fixed
	states  map[string]State   // by tenant
	counts  map[State]int
}

// records are those of the store, and what follows from them alone.
type records struct {
	orgs    map[string]held[Org]
	grants  map[string]held[Grant]
	tokens  map[string]held[Token]
	tenants map[string]names     // by org
	flows   map[string]flowSeat  // by hash of state
	logins  map[string]loginSeat // by hash of request id
	// Changes of organisation that wait, by tenant.
	pendings map[string]held[Pending]
	// What could not be opened: grants and tokens by tenant, organisations by org.
	badTenants  map[string]error
	badTokens   map[string]error
	badOrgs     map[string]error
	badPendings map[string]error
	// At most one, under QuarantineKey.
	quarantine    map[string]held[Quarantine]
	badQuarantine map[string]error
	texts         texts // of orgs, grants and tokens
}

type held[R record] struct {
	version uint64
	rec     R
}

func (v *view) init() {
	v.states, v.counts, v.refused = map[string]State{}, map[State]int{}, map[string]uint64{}
	v.records.init()
}

func (v *records) init() {
	v.orgs, v.grants, v.tokens = map[string]held[Org]{}, map[string]held[Grant]{}, map[string]held[Token]{}
	v.tenants, v.flows = map[string]names{}, map[string]flowSeat{}
	v.badTenants, v.badTokens, v.badOrgs = map[string]error{}, map[string]error{}, map[string]error{}
	v.quarantine, v.badQuarantine = map[string]held[Quarantine]{}, map[string]error{}
	v.logins, v.pendings, v.badPendings = map[string]loginSeat{}, map[string]held[Pending]{}, map[string]error{}
}

// takeIn takes records into the view as they stand in the store, and publishes the credentials that they change. Before load it
// publishes nothing: a table without the tenants that are still in the store would call them unknown.
func (s *Service) takeIn(all []versioned) {
	s.view.mu.Lock()
	touched, faults := s.view.takeAll(all)
	if s.Ready() {
		s.publish(touched)
	}
	s.view.mu.Unlock()
	s.heedClients(all)
	s.logFaults(faults)
	if len(touched) > 0 {
		s.reportTrouble()
	}
}

// loading is all that there is, while it is read, record by record: no more than one is in memory twice.
type loading struct {
	records
	touched map[string]struct{}
	faults  []versioned
}

func newLoading() *loading {
	l := &loading{touched: map[string]struct{}{}}
	l.records.init()
	return l
}

func (l *loading) take(w versioned) {
	if l.records.take(w, l.touched) {
		l.faults = append(l.faults, w)
	}
}

// replaceAll is takeIn for all that there is: what memory knew before is forgotten, and the service is ready.
func (s *Service) replaceAll(all *loading) {
	v := &s.view
	v.mu.Lock()
	touched := map[string]struct{}{}
	for tenant := range v.states {
		touched[tenant] = struct{}{}
	}
	maps.Copy(touched, all.touched)
	v.records = all.records
	s.publish(touched)
	v.mu.Unlock()
	s.logFaults(all.faults)
	s.reportTrouble()
}

// takeAll returns the tenants whose answer may have changed, and the records that cannot be opened since this. The caller holds mu.
func (v *view) takeAll(all []versioned) (touched map[string]struct{}, faults []versioned) {
	touched = map[string]struct{}{}
	for _, w := range all {
		if v.take(w, touched) {
			faults = append(faults, w)
		}
	}
	return touched, faults
}

// take adds the tenants whose answer may have changed to touched. fault says that the record cannot be opened since this.
func (v *records) take(w versioned, touched map[string]struct{}) (fault bool) {
	switch w.kind {
	case store.KindOrg:
		fault = take(v.orgs, v.badOrgs, w, v.texts.org)
		for t := range v.tenants[w.key].all() {
			touched[t] = struct{}{}
		}
	case store.KindGrant:
		if old, ok := v.grants[w.key]; ok {
			v.leaves(old.rec)
		}
		fault = take(v.grants, v.badTenants, w, func(key *string, g *Grant) {
			v.texts.grant(key, g)
			if o, ok := v.orgs[g.Org.String()]; ok {
				g.Org = o.rec.Org // with the same texts
			}
		})
		if g, ok := v.grants[w.key]; ok {
			v.joins(g.rec)
			w.key = g.rec.Tenant
		}
		touched[w.key] = struct{}{}
	case store.KindToken:
		if g, ok := v.grants[w.key]; ok {
			w.key = g.rec.Tenant
		}
		fault = take(v.tokens, v.badTokens, w, v.texts.token)
		touched[w.key] = struct{}{}
	case store.KindQuarantine:
		fault = take(v.quarantine, v.badQuarantine, w, nil)
		for t := range v.grants {
			touched[t] = struct{}{}
		}
	case store.KindPending:
		fault = take(v.pendings, v.badPendings, w, nil)
	case store.KindLogin:
		if l, ok := w.rec.(Login); ok {
			v.logins[w.key] = loginSeat{admitted: l.Tenant != "", expires: l.Expires}
		} else {
			delete(v.logins, w.key)
		}
	case store.KindFlow:
		if f, ok := w.rec.(Flow); ok {
			v.flows[w.key] = flowSeat{tenant: f.Tenant, expires: f.Expires}
		} else {
			delete(v.flows, w.key)
		}
	}
	return fault
}

// joins and leaves keep tenants in step with grants.
func (v *records) joins(g Grant) {
	org := g.Org.String()
	all := v.tenants[org]
	all.add(g.Tenant)
	v.tenants[org] = all
}

func (v *records) leaves(g Grant) {
	org := g.Org.String()
	all := v.tenants[org]
	all.remove(g.Tenant)
	if v.tenants[org] = all; all.empty() {
		delete(v.tenants, org)
	}
}

// take keeps the newer of two versions. One that cannot be opened leaves what was known before, and news says that it could be until
// then. One that was deleted is forgotten. What small does to a
// record that is kept, and to its key, leaves them equal; it may be nil.
func take[R record](m map[string]held[R], bad map[string]error, w versioned, small func(*string, *R)) (news bool) {
	if w.rec == nil && w.err == nil {
		delete(m, w.key)
		delete(bad, w.key)
		return false
	}
	// What was rolled back is replaced by whatever this process wrote over it on purpose.
	if cur, ok := m[w.key]; ok && cur.version > w.version && !errors.Is(bad[w.key], ErrRolledBack) {
		return false
	}
	if w.err != nil {
		old := bad[w.key]
		bad[w.key] = w.err
		return old == nil || old.Error() != w.err.Error()
	}
	delete(bad, w.key)
	key, rec := w.key, w.rec.(R)
	if small != nil {
		small(&key, &rec)
	}
	m[key] = held[R]{version: w.version, rec: rec}
	return false
}

// seen is the version of a record that memory knows, or 0.
func (v *view) seen(kind store.Kind, key string) uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch kind {
	case store.KindOrg:
		return v.orgs[key].version
	case store.KindGrant:
		return v.grants[key].version
	case store.KindToken:
		return v.tokens[key].version
	case store.KindQuarantine:
		return v.quarantine[key].version
	default:
		return 0
	}
}

func (s *Service) logFaults(faults []versioned) {
	for _, w := range faults {
		s.log.Error("A record cannot be opened or trusted; restore it from a backup, or send the customer the connect link. Until then the tenants of a grant or an organisation wait, "+
			"and a token or a client is taken as missing", zap.String("kind", string(w.kind)), zap.String("record", shortKey(w.kind, w.key)), zap.Error(w.err))
	}
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
	if refused, ok := v.refused[org]; ok && refused == o.Generation && (f.Key == KeyOK || f.Key == KeyFresh) {
		f.Key = KeyRefused
		return f, refusedHere(o)
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

// tokenFact is what the tokens of a tenant are good for, and why. That their client is not in the configuration, or has another id there,
// is found here and stored nowhere, so it is over when the configuration is put right. The caller holds mu.
func (v *view) tokenFact(tenant string) (TokenFact, string) {
	if v.badTokens[tenant] != nil {
		return TokenReauthorise, "its token record cannot be read; restore the store from a backup, or send the customer the connect link, which replaces the record"
	}
	tok := v.tokens[tenant].rec
	fact := factOr(tok.Fact, TokenNone)
	if fact != TokenNone && fact != TokenReauthorise {
		if fault := clientFault(v.clients[tok.Client], tok); fault != "" {
			return TokenReauthorise, fault
		}
	}
	return fact, tok.Reason
}

// clientFault says why tokens are of no use with the client of the configuration that has their client's name, nil where there is none.
// It is empty where they are.
func clientFault(c *client, tok Token) string {
	switch {
	case c == nil:
		return clientMissing(tok.Client)
	case tok.ClientID != c.cfg.ClientID:
		return fmt.Sprintf("client_id of client %s was changed in the configuration, from …%s to …%s, and the tokens are of no use with it; put the old one back, "+
			"or send the customer the connect link", tok.Client, tail(tok.ClientID), tail(c.cfg.ClientID))
	}
	return ""
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

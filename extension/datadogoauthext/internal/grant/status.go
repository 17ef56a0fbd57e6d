package grant

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// TenantStatus is what people may know of a tenant: no token, no key but its last four characters.
type TenantStatus struct {
	Tenant, Client, Stage string
	Site, OrgID, OrgName  string
	State                 State
	Facts                 Facts
	// Why each fact is what it is, and what to do; empty where there is nothing to say.
	TokenReason, KeyReason, HoldReason string
	// Since is when the latest of the facts changed.
	Since                    time.Time
	Sending                  bool
	Scopes                   []string
	AppOrigin, StartedDomain string
	KeyName, Last4           string
	Generation               uint64
	ConnectedAt, MintedAt    time.Time
	TokenExpiry, RefreshedAt time.Time
	KeySince                 time.Time
}

// atATime is how many statuses are made under one hold of the view's lock, which every refresh and every change needs too.
const atATime = 256

// Tenants lists every tenant, by name, each as it is when its turn comes.
func (s *Service) Tenants() []TenantStatus {
	slots := s.byName()
	names := make([]string, len(slots))
	for i, slot := range slots {
		names[i] = slot.Load().row.Tenant
	}
	return s.TenantsNamed(names)
}

// TenantsNamed returns those of the tenants named that are there, in the same order. It costs what so many cost.
func (s *Service) TenantsNamed(names []string) []TenantStatus {
	all := make([]TenantStatus, 0, len(names))
	for some := range slices.Chunk(names, atATime) {
		s.view.mu.Lock()
		for _, name := range some {
			if s.view.has(name) {
				all = append(all, s.status(name))
			}
		}
		s.view.mu.Unlock()
	}
	return all
}

// status is that of a tenant. The caller holds view.mu.
func (s *Service) status(tenant string) TenantStatus {
	f, reason := s.view.facts(tenant)
	g := s.view.grants[tenant].rec
	o := s.view.orgs[g.Org.String()].rec
	tok := s.view.tokens[tenant].rec
	_, tokenReason := s.view.tokenFact(tenant)
	t := TenantStatus{
		Tenant: tenant, Client: g.Org.Client, Site: g.Org.Site, OrgID: g.Org.ID, OrgName: o.Name,
		State: f.State(), Facts: f, TokenReason: tokenReason, KeyReason: o.KeyReason, HoldReason: g.HoldReason,
		Scopes: slices.Clone(g.Scopes), AppOrigin: g.AppOrigin, StartedDomain: g.StartedDomain,
		KeyName: o.KeyName, Last4: o.Last4, Generation: o.Generation, ConnectedAt: g.ConnectedAt, MintedAt: o.MintedAt,
		TokenExpiry: tok.Expiry, RefreshedAt: tok.RefreshedAt, KeySince: o.KeySince, Since: latest(tok.Since, o.KeySince, g.HoldSince),
	}
	if e, err := s.find(tenant); err == nil {
		t.Sending = e.row.Sending
	}
	if f.Hold == HoldUnreadable {
		t.HoldReason = reason + "; restore the store from a backup, or send the customer the connect link and confirm the change that follows"
	}
	if c := s.clients[g.Org.Client]; c != nil {
		t.Stage = c.cfg.Stage
	}
	return t
}

func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, time.Time.Compare)
}

// Counts is the number of tenants in each state.
func (s *Service) Counts() map[State]int {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	counts := make(map[State]int, len(States))
	for _, st := range States {
		counts[st] = s.view.counts[st]
	}
	return counts
}

// reportTrouble tells the observer what an operator can cure, when that changed.
func (s *Service) reportTrouble() {
	if s.obs.Trouble == nil {
		return
	}
	s.troubleMu.Lock()
	defer s.troubleMu.Unlock() // reports stay in order
	err := s.troubles()
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != s.trouble {
		s.trouble = text
		s.obs.Trouble(err)
	}
}

// troubles joins what an operator can cure. Tenants are counted, not named: names are for the status page.
func (s *Service) troubles() error {
	var errs []error
	if fault := s.StoreFault(); fault != "" {
		errs = append(errs, errors.New(fault))
	} else if fault := s.WriteFault(); fault != "" {
		errs = append(errs, errors.New(fault))
	}
	if n := len(s.unsaved.left()); n > 0 {
		errs = append(errs, fmt.Errorf("%d answer(s) of Datadog are in memory only, since they could not be written to the grant store: mend that before the collector stops; "+
			"the log says what they are about", n))
	}
	if err := s.quarantineTrouble(); err != nil {
		errs = append(errs, err)
	}
	for _, c := range s.clients {
		if !c.gate.state().IsZero() {
			errs = append(errs, errors.New(c.rejectedAdvice()))
		}
		if fault := c.fault.Load(); fault != nil {
			errs = append(errs, errors.New(*fault))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	for _, st := range troubled(s.Counts()) {
		errs = append(errs, fmt.Errorf("%d tenant(s) in state %q: the status page names them and what to do", st.n, st.state))
	}
	if n := s.view.unreadablePendings(); n > 0 {
		errs = append(errs, fmt.Errorf("%d change(s) of organisation that cannot be read: the log names the tenants; refuse the changes and let the customers give consent once more. "+
			"They are dropped after %s", n, PendingLife))
	}
	return errors.Join(errs...)
}

type counted struct {
	state State
	n     int
}

// troubled are the states of tenants that are trouble of the whole. What cannot be read is always: the store or a keyset is damaged. What a
// customer has done, or can cure, is trouble of that tenant only, unless no tenant is left that is well; those that somebody paused or
// disconnected are not asked.
func troubled(counts map[State]int) (all []counted) {
	states := []State{StateUnreadable, StateKeyRefused, StateKeyMissing, StateReauthorise}
	if counts[StateOK]+counts[StateFailing]+counts[StateMinting] > 0 {
		states = states[:1]
	}
	for _, st := range states {
		if counts[st] > 0 {
			all = append(all, counted{st, counts[st]})
		}
	}
	return all
}

// unreadablePendings counts the changes of organisation that nobody can decide on.
func (v *view) unreadablePendings() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.badPendings)
}

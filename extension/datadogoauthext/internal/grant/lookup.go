package grant

import (
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

var _ credential.Source = (*Service)(nil)

// freshFor is how long after minting a 403 may mean that Datadog does not know the key everywhere yet. Seen: about 5 s.
const freshFor = 60 * time.Second

// lookupTable is replaced when a tenant comes or goes; an entry is replaced when its tenant changes. So a lookup takes no
// lock, and a change of one tenant copies nothing of the others.
type lookupTable map[string]*atomic.Pointer[entry]

// entry is the answer to Lookup and Org, made beforehand so that answering allocates nothing.
type entry struct {
	cred *credential.Credential
	err  error
	// orgErr answers Org, which is row.Org without it: a tenant keeps its organisation when its key or its hold stops it.
	orgErr error
	row    Row
}

// Lookup implements credential.Source.
func (s *Service) Lookup(tenant string) (*credential.Credential, error) {
	e, err := s.find(tenant)
	if err != nil {
		return nil, err
	}
	return e.cred, e.err
}

// Org implements credential.Source.
func (s *Service) Org(tenant string) (credential.Org, error) {
	e, err := s.find(tenant)
	if err == nil {
		err = e.orgErr
	}
	if err != nil {
		return credential.Org{}, err
	}
	return e.row.Org, nil
}

func (s *Service) find(tenant string) (*entry, error) {
	table := s.table.Load()
	if table == nil {
		return nil, credential.ErrNotReady
	}
	slot, ok := (*table)[tenant]
	if !ok {
		return nil, credential.ErrUnknownTenant
	}
	return slot.Load(), nil
}

// Changes implements credential.Source.
func (s *Service) Changes() <-chan struct{} { return *s.changes.Load() }

// publish renews the entries of tenants, and wakes whoever waits for a change. Its first call makes the service ready. The caller
// holds view.mu.
func (s *Service) publish(tenants map[string]struct{}) {
	old := s.table.Load()
	if old != nil && len(tenants) == 0 {
		return
	}
	table := lookupTable{}
	if old != nil {
		table = *old
	}
	copied, news := old == nil, old == nil
	own := func() { // readers have the old table
		if !copied {
			table, copied = maps.Clone(table), true
		}
	}
	for tenant := range tenants {
		slot, known := table[tenant]
		s.view.uncount(tenant)
		if !s.view.has(tenant) {
			if known {
				own()
				delete(table, tenant)
				news = true
			}
			continue
		}
		e := s.entry(tenant)
		s.view.count(tenant, e.row.State)
		if known {
			news = slot.Swap(e).differs(e) || news
			continue
		}
		own()
		slot = &atomic.Pointer[entry]{}
		slot.Store(e)
		table[tenant], news = slot, true
	}
	if copied {
		s.table.Store(&table)
		s.sorted.Store(nil) // which keeps the old table
	}
	if news {
		next := make(chan struct{})
		close(*s.changes.Swap(&next))
	}
}

// has reports whether anything is stored about a tenant. The caller holds mu.
func (v *view) has(tenant string) bool {
	_, grant := v.grants[tenant]
	_, token := v.tokens[tenant]
	return grant || token || v.badTenants[tenant] != nil || v.badTokens[tenant] != nil
}

// count and uncount keep states and counts in step. The caller holds mu.
func (v *view) count(tenant string, state State) {
	v.states[tenant] = state
	v.counts[state]++
}

func (v *view) uncount(tenant string) {
	if before, ok := v.states[tenant]; ok {
		v.counts[before]--
		delete(v.states, tenant)
	}
}

// differs tells a change that matters to a sender from one of tokens only.
func (e *entry) differs(other *entry) bool {
	if e.cred == nil || other.cred == nil {
		return e.cred != other.cred || e.row.Org != other.row.Org || e.err.Error() != other.err.Error()
	}
	return e.row.Org != other.row.Org || e.cred.Generation() != other.cred.Generation() || e.cred.OrgText() != other.cred.OrgText()
}

// entry makes the answer for one tenant. The caller holds view.mu.
func (s *Service) entry(tenant string) *entry {
	facts, reason := s.view.facts(tenant)
	e := &entry{row: s.view.row(tenant, facts)}
	_, connected := s.view.grants[tenant]
	switch {
	case !connected && e.row.State == StateUnreadable:
		e.err = facts.sendError(tenant, reason, s.stopTok)
		// Which organisation it is stands in the record that cannot be read.
		e.orgErr = fmt.Errorf("tenant %s: %w", tenant, credential.ErrNotReady)
		return e
	case !connected:
		e.err = fmt.Errorf("tenant %s: %w", tenant, credential.ErrNotConnected)
		e.orgErr = e.err
		return e
	}
	if e.err = facts.sendError(tenant, reason, s.stopTok); e.err != nil {
		if e.row.State == StateDisconnected {
			e.orgErr = e.err
		}
		return e
	}
	o := s.view.orgs[e.row.Org.String()].rec
	if e.err = s.view.unproved(tenant, o); e.err != nil {
		return e
	}
	if e.cred, e.err = credential.New(tenant, e.row.Org, o.APIKey, o.Generation, s.fresh(o)); e.err != nil {
		e.err = fmt.Errorf("tenant %s: %w", tenant, e.err)
	}
	e.row.Sending = e.cred != nil
	return e
}

// fresh returns whether the key of o is still in its grace period, or nil when that is over for good.
func (s *Service) fresh(o Org) func() bool {
	if o.Key != KeyFresh {
		return nil
	}
	end := o.MintedAt.Add(freshFor)
	return func() bool { return s.now().Before(end) }
}

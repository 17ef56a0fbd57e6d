package datadogoauthext

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

// Validated implements credential.Refusals.
func (e *datadogOAuth) Validated(tenant string, generation uint64) time.Time {
	if grants := e.grants.Load(); grants != nil {
		return grants.Validated(tenant, generation)
	}
	return time.Time{}
}

// ShowRefusals implements credential.Refusals.
func (e *datadogOAuth) ShowRefusals(list func() []credential.IntakeRefusal) (remove func()) {
	return e.refusals.add(list)
}

// refusals are the lists of the exporters in this collector. The zero refusals is ready.
type refusals struct {
	mu    sync.Mutex // guards lists
	lists map[int]func() []credential.IntakeRefusal
	last  int
}

func (r *refusals) add(list func() []credential.IntakeRefusal) (remove func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lists == nil {
		r.lists = make(map[int]func() []credential.IntakeRefusal)
	}
	r.last++
	number := r.last
	r.lists[number] = list
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.lists, number)
	}
}

// byTenant asks all of them, without the lock. An intake that several exporters send to is there once, since the first refusal.
func (r *refusals) byTenant() map[string][]admin.RefusedIntake {
	r.mu.Lock()
	lists := make([]func() []credential.IntakeRefusal, 0, len(r.lists))
	for _, list := range r.lists {
		lists = append(lists, list)
	}
	r.mu.Unlock()
	all := map[string][]admin.RefusedIntake{}
	for _, list := range lists {
		for _, refusal := range list() {
			all[refusal.Tenant] = append(all[refusal.Tenant], admin.RefusedIntake{Intake: refusal.Intake, Since: refusal.Since})
		}
	}
	for tenant, of := range all {
		slices.SortFunc(of, func(x, y admin.RefusedIntake) int {
			return cmp.Or(cmp.Compare(x.Intake, y.Intake), x.Since.Compare(y.Since))
		})
		all[tenant] = slices.CompactFunc(of, func(x, y admin.RefusedIntake) bool { return x.Intake == y.Intake })
	}
	return all
}

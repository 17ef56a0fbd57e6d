package datadogoauthext

import (
	"cmp"
	"slices"
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
	offered[func() []credential.IntakeRefusal]
}

// byTenant asks all of them. An intake that several exporters send to is there once, since the first refusal.
func (r *refusals) byTenant() map[string][]admin.RefusedIntake {
	all := map[string][]admin.RefusedIntake{}
	for _, list := range r.all() {
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

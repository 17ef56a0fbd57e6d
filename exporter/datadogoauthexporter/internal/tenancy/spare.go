package tenancy

import (
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// ParkIfRoom parks requests of one tenant, which the queue does not take, if the park has room for all of them without losing anything for it. With an
// error none of them is kept: the storage fails, or the stop leaves nothing that keeps them.
func (d *Dispatcher) ParkIfRoom(rs ...*intake.Request) (parked bool, err error) {
	if len(rs) == 0 {
		return false, nil
	}
	now := time.Now()
	d.mu.Lock()
	if d.closing && d.set.Store == nil {
		d.mu.Unlock()
		return false, errStopping
	}
	if !d.park.takes(rs) {
		d.mu.Unlock()
		return false, nil
	}
	stays := make([]*stay, len(rs))
	for i, r := range rs {
		stays[i] = d.reserve(r.Key(), r, true, now)
	}
	d.mu.Unlock()
	if err := d.shelve(stays...); err != nil {
		return false, err
	}
	d.nudge()
	return true, nil
}

// takes says that requests of one tenant can be parked without exceeding a limit.
func (p *park) takes(rs []*intake.Request) bool {
	weight := 0
	for _, r := range rs {
		weight += p.weigh(r)
	}
	tenant, stranger := rs[0].Tenant, rs[0].Org == ""
	return p.tenants[tenant]+weight <= p.limits.PerTenantBytes && p.bytes+weight <= p.limits.TotalBytes &&
		(!stranger || p.strange+weight <= p.limits.TotalBytes/strangersPart)
}

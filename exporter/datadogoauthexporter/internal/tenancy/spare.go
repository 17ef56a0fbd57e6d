package tenancy

import (
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// ParkIfRoom parks requests of one tenant, which the queue does not take for the given reason, if the park has room for all of them without losing
// anything for it. With an error none of them is kept: the storage fails, or the stop leaves nothing that keeps them.
func (d *Dispatcher) ParkIfRoom(why error, rs ...*intake.Request) (parked bool, err error) {
	if len(rs) == 0 {
		return false, nil
	}
	first, now := rs[0], time.Now()
	key := first.Key()
	d.mu.Lock()
	if d.closing && d.set.Store == nil {
		d.mu.Unlock()
		return false, errStopping
	}
	if !d.park.takes(rs) {
		d.mu.Unlock()
		return false, nil
	}
	s := d.reserve(key, first, true, now)
	d.mu.Unlock()
	if err := d.shelve(s); err != nil {
		return false, err
	}
	for _, r := range rs[1:] { // the first is kept, so the others must be
		d.Park(r, why)
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

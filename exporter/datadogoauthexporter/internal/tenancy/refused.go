package tenancy

import (
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

const (
	// refusedProbe is how long a lane waits whose key the intake refused while the holder of the grants still offers it.
	refusedProbe = 5 * time.Minute
	// aloneProbe is how long it waits after the first refusal if the key was called valid. The wait doubles with each refusal, up to refusedProbe: it may have
	// been by mistake, or of one request.
	aloneProbe = 5 * time.Second
	// refusedPart is which part of its tenant's share of the park a lane has whose intake refuses a good key. Such a refusal may last for ever, and
	// the other intakes of the tenant need the rest.
	refusedPart = 4
	// validatedBefore is how much older than the first refusal the word that the key is good may be, since it is asked for once a minute.
	validatedBefore = time.Minute
)

// RefusedLane says that an intake refuses a tenant's data although its key is good.
type RefusedLane struct {
	Tenant string
	Family intake.Family
	Since  time.Time
}

// RefusedLanes lists the lanes that are refused, in no order.
func (d *Dispatcher) RefusedLanes() (all []RefusedLane) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, l := range d.lanes {
		if d.alone(key, l) {
			all = append(all, RefusedLane{l.tenant, l.family, l.refusedSince})
		}
	}
	return all
}

// alone says that the intake of a lane refuses data whose key is good: it said that it is not enabled, or the lookup still offers the key that it
// refused, and Datadog called that one valid. Whether a key is good is not known at the first refusal; until then the whole tenant may have to be held.
func (d *Dispatcher) alone(key string, l *lane) bool {
	if l.refused == 0 && !l.notEnabled {
		return false
	}
	cred, err := d.set.Source.Lookup(l.tenant)
	if err != nil {
		return false
	}
	of := intake.Request{Tenant: l.tenant, Org: cred.OrgText(), Family: l.family}
	if of.Key() != key {
		return false
	}
	return l.notEnabled || cred.Generation() == l.refused && d.set.Validated != nil &&
		d.set.Validated(l.tenant, l.refused).After(l.refusedSince.Add(-validatedBefore))
}

// refusedRest is how long a lane must not be tried whose key was refused: not at all once there is another key.
func (d *Dispatcher) refusedRest(key string, l *lane, now time.Time) time.Duration {
	if cred, err := d.set.Source.Lookup(l.tenant); err == nil && cred.Generation() != l.refused {
		return 0
	}
	late := l.notBefore.Sub(now)
	refused := l.notBefore.Add(-refusedProbe)
	early := refused.Add(min(aloneProbe<<min(l.refusals-1, 16), refusedProbe)).Sub(now)
	switch {
	case early > 0, late <= 0:
		return early
	case d.alone(key, l):
		return 0
	default:
		return min(late, aloneProbe) // it may be known by then
	}
}

// confine takes out the oldest requests of a lane that leave r no room in the part of the share that the lane has while it alone is refused.
func (d *Dispatcher) confine(key string, r *intake.Request) (gone []evicted) {
	w := d.park.weigh(r)
	for s := d.park.shelves[key]; s != nil && len(s.requests) > 0 && s.bytes+w > d.set.Park.PerTenantBytes/refusedPart; {
		e, _ := d.park.take(key)
		d.park.count(e, -1)
		gone = append(gone, evicted{e, key})
	}
	return gone
}

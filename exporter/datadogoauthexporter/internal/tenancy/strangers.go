package tenancy

import (
	"errors"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Strangers are tenants without an organisation. The zero Strangers have all of their data refused.
//
// Data that waits for an organisation is in requests whose Org is empty. Such a request is never sent: it gets the organisation that its tenant has at the
// first successful lookup, and no other one later. Anybody who may send data here can name any number of tenants, so all strangers together have a
// part of the park, and there are so many of them at most.
type Strangers struct {
	// Unknown and NotConnected say whose data waits.
	Unknown, NotConnected bool
	// Tenants is how many of them may have data here at a time.
	Tenants int
}

const (
	// strangersPart is which part of the park all strangers have together.
	strangersPart = 4
	// strangerRest is how long a stranger is one after its last data was seen here.
	strangerRest = time.Minute
)

var errStranger = errors.New("the tenant has no organisation yet; its data waits until it connects")

// wait says that data waits for an organisation, whose lookup ended in err.
func (s *Strangers) wait(err error) bool {
	return s.Unknown && errors.Is(err, credential.ErrUnknownTenant) || s.NotConnected && errors.Is(err, credential.ErrNotConnected)
}

// Shelter says that data of a tenant that has no organisation, for the reason why, may wait until it has one.
func (d *Dispatcher) Shelter(tenant string, why error) bool {
	if !d.set.Strangers.wait(why) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shelter(tenant, time.Now())
}

// shelter makes tenant one of the strangers, if there may be one more. mu is held.
func (d *Dispatcher) shelter(tenant string, now time.Time) bool {
	if _, one := d.strangers[tenant]; !one && len(d.strangers) >= d.set.Strangers.Tenants {
		if now.Sub(d.strangersSeen) < time.Second { // a flood of names costs one look a second
			return false
		}
		d.strangersSeen = now
		for name, seen := range d.strangers {
			if d.park.strangers[name] == 0 && now.Sub(seen) >= strangerRest {
				delete(d.strangers, name)
			}
		}
		if len(d.strangers) >= d.set.Strangers.Tenants {
			return false
		}
	}
	d.strangers[tenant] = now
	return true
}

// stamp gives r its organisation, if its tenant has one by now.
func (d *Dispatcher) stamp(r *intake.Request) error {
	org, err := d.set.Source.Org(r.Tenant)
	if err == nil {
		r.Org = org.String()
	}
	return err
}

// claimable says that what a stranger has parked need not wait any more: the tenant has an organisation, or never gets one.
func (d *Dispatcher) claimable(tenant string) bool {
	_, err := d.set.Source.Org(tenant)
	return err == nil || !errors.Is(err, credential.ErrNotReady) && !d.set.Strangers.wait(err)
}

// claim moves e, which was taken off its shelf, to the lane of its tenant's organisation. It is on the disk with that before it can be sent, so that a
// restart cannot give it another one. claimed says that it was moved.
func (d *Dispatcher) claim(e *parked, r *intake.Request) (claimed bool) {
	if d.stamp(r) != nil {
		return false
	}
	key := r.Key()
	rest := d.exchange(e, []*intake.Request{r})
	err := d.save(rest, nil)
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lane(key, rest[0].Request)
	if err != nil {
		l.readAfter = time.Now().Add(longestRest)
	}
	d.park.add(key, rest[0])
	return true
}

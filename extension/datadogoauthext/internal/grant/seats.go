package grant

import "time"

// The places that consents and logins under way take. They are limited before anything is written, so that nobody fills the store. Other
// processes that share the store are counted as far as the view has heard of them.
const (
	maxFlowsOfTenant = 10
	maxFlows         = 1000
	maxLogins        = 1000
)

// flowSeat is the place that a flow takes among those under way.
type flowSeat struct {
	tenant  string
	expires time.Time
}

func (v *view) takeSeat(f Flow, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	total, own := 0, 0
	for _, seat := range v.flows {
		if now.Before(seat.expires) {
			total++
			if seat.tenant == f.Tenant {
				own++
			}
		}
	}
	if total >= maxFlows || own >= maxFlowsOfTenant {
		return false
	}
	v.flows[f.StateHash] = flowSeat{tenant: f.Tenant, expires: f.Expires}
	return true
}

func (v *view) leaveSeat(hash string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.flows, hash)
}

func (v *view) takeLoginSeat(l Login, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	total := 0
	for _, expires := range v.logins {
		if now.Before(expires) {
			total++
		}
	}
	if total >= maxLogins {
		return false
	}
	v.logins[l.Hash] = l.Expires
	return true
}

func (v *view) leaveLoginSeat(hash string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.logins, hash)
}

// ranOut are the flows and logins whose time is over, at most n of them.
func (v *view) ranOut(now time.Time, n int) (flows, logins []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for hash, seat := range v.flows {
		if !now.Before(seat.expires) && len(flows) < n {
			flows = append(flows, hash)
		}
	}
	for hash, expires := range v.logins {
		if !now.Before(expires) && len(logins) < n {
			logins = append(logins, hash)
		}
	}
	return flows, logins
}

package grant

import "time"

// The places that consents and logins under way take. They are limited before anything is written, so that nobody fills the store. Other
// processes that share the store are counted as far as the view has heard of them.
const (
	maxFlowsOfTenant = 10
	maxFlows         = 1000
	maxLogins        = 1000 // without those that a ticket admitted, for which the partner answers
)

// loginSeat is the place that a login takes.
type loginSeat struct {
	admitted bool
	expires  time.Time
}

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

// takeLoginSeat gives l a place. Where all are taken it returns the hash of the login whose place l needs.
func (v *view) takeLoginSeat(l Login, now time.Time) (oldest string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	total := 0
	for hash, seat := range v.logins {
		if seat.admitted || !now.Before(seat.expires) {
			continue
		}
		total++
		if oldest == "" || seat.expires.Before(v.logins[oldest].expires) {
			oldest = hash
		}
	}
	v.logins[l.Hash] = loginSeat{expires: l.Expires}
	if total < maxLogins {
		return ""
	}
	delete(v.logins, oldest) // so that whoever comes next takes the place of another
	return oldest
}

func (v *view) leaveLoginSeat(hash string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.logins, hash)
}

// ranOut are the flows and logins whose time is over, at most n of them. A login is kept for as long as a consent that began with it may
// take.
func (v *view) ranOut(now time.Time, n int) (flows, logins []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for hash, seat := range v.flows {
		if !now.Before(seat.expires) && len(flows) < n {
			flows = append(flows, hash)
		}
	}
	for hash, seat := range v.logins {
		if !now.Before(seat.expires.Add(FlowLife)) && len(logins) < n {
			logins = append(logins, hash)
		}
	}
	return flows, logins
}

package tenancy

import (
	"slices"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// evicted is a request that has to make room, and where it was.
type evicted struct {
	*parked
	lane string
}

// makeRoom removes the oldest requests in lanes that may lose some, until r has room: first those of its tenant, if that is above its own limit,
// then those of the tenant that has parked most in such lanes, so that one tenant cannot push out the data of the others. They are not counted
// any more. Without ok nothing is removed, since there would be no room all the same: it is r that has to go.
func (p *park) makeRoom(r *intake.Request, mayLose func(lane string) bool) (gone []evicted, ok bool) {
	w := p.weigh(r)
	stranger := r.Org == ""
	if w > p.limits.PerTenantBytes || stranger && w > p.limits.TotalBytes/strangersPart {
		return nil, false
	}
	for p.tenants[r.Tenant]+w > p.limits.PerTenantBytes || p.bytes+w > p.limits.TotalBytes || stranger && p.strange+w > p.limits.TotalBytes/strangersPart {
		tenant := r.Tenant
		if p.tenants[tenant]+w <= p.limits.PerTenantBytes {
			tenant = p.largest(mayLose, r, w)
		}
		lane, found := p.oldestLane(tenant, mayLose)
		if !found {
			for _, e := range slices.Backward(gone) {
				p.count(e.parked, 1)
				p.back(e.lane, e.parked)
			}
			return nil, false
		}
		e, _ := p.take(lane)
		p.count(e, -1)
		gone = append(gone, evicted{e, lane})
	}
	return gone, true
}

// oldestLane is the lane of a tenant that begins with the oldest request, among those that may lose one.
func (p *park) oldestLane(tenant string, mayLose func(string) bool) (string, bool) {
	var oldest *shelf
	if h := p.most.holders[tenant]; h != nil {
		for _, s := range h.shelves {
			if mayLose(s.lane) && (oldest == nil || s.requests[0].ticket < oldest.requests[0].ticket) {
				oldest = s
			}
		}
	}
	if oldest == nil {
		return "", false
	}
	return oldest.lane, true
}

// largest is the tenant that has parked most in lanes that may lose some, with r, which is about to be parked and weighs so much.
func (p *park) largest(mayLose func(string) bool, r *intake.Request, weight int) string {
	ranks := &p.most
	if r.Org == "" { // makes no other room
		ranks = &p.mostStrange
	}
	part := func(h *holder) (bytes int) {
		for _, s := range h.shelves {
			if mayLose(s.lane) {
				bytes += s.bytes
			}
		}
		return bytes
	}
	if h := ranks.holders[r.Tenant]; h != nil {
		weight += part(h)
	}
	if h := ranks.largest(weight, part); h != nil {
		return h.tenant
	}
	return r.Tenant
}

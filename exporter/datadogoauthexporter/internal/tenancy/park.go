package tenancy

import (
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// ParkLimits bound the park of one signal, in bytes of encoded data and of its table of items.
type ParkLimits struct {
	PerTenantBytes, TotalBytes int
}

// park keeps requests in memory while their tenant cannot take them, in lanes, first in first out. Its limits are kept by fits and shrink. The
// caller serialises access.
type park struct {
	limits  ParkLimits
	shelves map[string]*shelf // by lane
	tenants map[string]int    // bytes by tenant
	bytes   int
	ticket  uint64
	// byFamily is what is parked for each intake.
	byFamily map[intake.Family]stock
}

type stock struct{ items, bytes int }

// shelf is what one lane has parked, oldest first.
type shelf struct {
	tenant   string
	bytes    int
	requests []parked
}

type parked struct {
	*intake.Request
	ticket uint64 // order of parking over all shelves
}

func newPark(limits ParkLimits) *park {
	return &park{limits: limits, shelves: make(map[string]*shelf), tenants: make(map[string]int), byFamily: make(map[intake.Family]stock)}
}

// itemBytes is what an item costs in memory besides its part of the body.
const itemBytes = 16

// weight is the memory that a parked request keeps.
func weight(r *intake.Request) int { return r.BytesSize() + itemBytes*len(r.Items) }

// fits says that r can be parked without exceeding a limit.
func (p *park) fits(r *intake.Request) bool {
	return p.tenants[r.Tenant]+weight(r) <= p.limits.PerTenantBytes && p.hasRoom(r)
}

// hasRoom says that r can be parked without exceeding the limit for all tenants.
func (p *park) hasRoom(r *intake.Request) bool { return p.bytes+weight(r) <= p.limits.TotalBytes }

// put parks r at the end of its lane, whatever the limits.
func (p *park) put(lane string, r *intake.Request) {
	r.Compact()
	p.ticket++
	s := p.shelf(lane, r.Tenant)
	s.requests = append(s.requests, parked{r, p.ticket})
	p.count(s, r, 1)
}

// putBack parks r, which was taken last, where it was: in front.
func (p *park) putBack(lane string, r *intake.Request) {
	s := p.shelf(lane, r.Tenant)
	s.requests = append([]parked{{r, 0}}, s.requests...)
	p.count(s, r, 1)
}

// shrink removes the oldest requests in lanes that may lose some, until the limits are kept: first those of the tenant above its own limit,
// then those of the tenant that has parked most in such lanes, so that one tenant cannot push out the data of the others.
func (p *park) shrink(tenant string, mayLose func(lane string) bool) (evicted []*intake.Request) {
	for p.tenants[tenant] > p.limits.PerTenantBytes || p.bytes > p.limits.TotalBytes {
		if p.tenants[tenant] <= p.limits.PerTenantBytes {
			tenant = p.largest(mayLose)
		}
		lane, ok := p.oldestLane(tenant, mayLose)
		if !ok {
			break
		}
		r, _ := p.take(lane)
		evicted = append(evicted, r)
	}
	return evicted
}

// take removes the oldest request of a lane.
func (p *park) take(lane string) (*intake.Request, bool) {
	s := p.shelves[lane]
	if s == nil {
		return nil, false
	}
	r := s.requests[0].Request
	s.requests[0] = parked{}
	if s.requests = s.requests[1:]; len(s.requests) == 0 {
		delete(p.shelves, lane)
	}
	p.count(s, r, -1)
	return r, true
}

// oldest is the request that take would return.
func (p *park) oldest(lane string) (*intake.Request, bool) {
	if s := p.shelves[lane]; s != nil {
		return s.requests[0].Request, true
	}
	return nil, false
}

// lanes lists the lanes that have something parked, in no order.
func (p *park) lanes() []string {
	names := make([]string, 0, len(p.shelves))
	for name := range p.shelves {
		names = append(names, name)
	}
	return names
}

func (p *park) shelf(lane, tenant string) *shelf {
	s := p.shelves[lane]
	if s == nil {
		s = &shelf{tenant: tenant}
		p.shelves[lane] = s
	}
	return s
}

func (p *park) count(s *shelf, r *intake.Request, sign int) {
	n := sign * weight(r)
	s.bytes += n
	p.bytes += n
	of := p.byFamily[r.Family]
	p.byFamily[r.Family] = stock{of.items + sign*r.Count(), of.bytes + n}
	if p.tenants[r.Tenant] += n; p.tenants[r.Tenant] == 0 {
		delete(p.tenants, r.Tenant)
	}
}

// oldestLane is the lane of a tenant that begins with the oldest request, among those that may lose one.
func (p *park) oldestLane(tenant string, mayLose func(string) bool) (oldest string, found bool) {
	for lane, s := range p.shelves {
		if s.tenant == tenant && mayLose(lane) && (!found || s.requests[0].ticket < p.shelves[oldest].requests[0].ticket) {
			oldest, found = lane, true
		}
	}
	return oldest, found
}

// largest is the tenant that has parked most in lanes that may lose some.
func (p *park) largest(mayLose func(string) bool) (name string) {
	most, bytes := 0, make(map[string]int)
	for lane, s := range p.shelves {
		if !mayLose(lane) {
			continue
		}
		bytes[s.tenant] += s.bytes
		if bytes[s.tenant] > most {
			name, most = s.tenant, bytes[s.tenant]
		}
	}
	return name
}

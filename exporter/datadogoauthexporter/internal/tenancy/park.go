package tenancy

import (
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// ParkLimits bound the park of one signal, in bytes of encoded data.
type ParkLimits struct {
	PerTenantBytes, TotalBytes int
}

// park keeps requests in memory while their tenant cannot take them, in lanes, first in first out. When a limit is reached the oldest
// request of the tenant goes; when the total is reached, the oldest of the tenant that has parked most, so that one tenant cannot push
// out the data of the others. The caller serialises access.
type park struct {
	limits  ParkLimits
	shelves map[string]*shelf // by lane
	tenants map[string]int    // bytes by tenant
	bytes   int
	items   int
	ticket  uint64
}

// shelf is what one lane has parked, oldest first.
type shelf struct {
	tenant   string
	requests []parked
}

type parked struct {
	*intake.Request
	ticket uint64 // order of parking over all shelves
}

func newPark(limits ParkLimits) *park {
	return &park{limits: limits, shelves: make(map[string]*shelf), tenants: make(map[string]int)}
}

// put parks r at the end of its lane and returns what had to go for it, which may be r itself.
func (p *park) put(lane string, r *intake.Request) (evicted []*intake.Request) {
	if n := r.BytesSize(); n > p.limits.PerTenantBytes || n > p.limits.TotalBytes {
		return []*intake.Request{r}
	}
	p.ticket++
	s := p.shelf(lane, r.Tenant)
	s.requests = append(s.requests, parked{r, p.ticket})
	p.count(r, 1)
	for p.tenants[r.Tenant] > p.limits.PerTenantBytes {
		evicted = append(evicted, p.evict(r.Tenant))
	}
	for p.bytes > p.limits.TotalBytes {
		evicted = append(evicted, p.evict(p.largest()))
	}
	return evicted
}

// putBack parks r, which was taken last, where it was: in front.
func (p *park) putBack(lane string, r *intake.Request) {
	s := p.shelf(lane, r.Tenant)
	s.requests = append([]parked{{r, 0}}, s.requests...)
	p.count(r, 1)
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
	p.count(r, -1)
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

func (p *park) count(r *intake.Request, sign int) {
	p.bytes += sign * r.BytesSize()
	p.items += sign * r.Count()
	if p.tenants[r.Tenant] += sign * r.BytesSize(); p.tenants[r.Tenant] == 0 {
		delete(p.tenants, r.Tenant)
	}
}

// evict removes the oldest request of a tenant over all its lanes.
func (p *park) evict(tenant string) *intake.Request {
	oldest := ""
	for lane, s := range p.shelves {
		if s.tenant == tenant && (oldest == "" || s.requests[0].ticket < p.shelves[oldest].requests[0].ticket) {
			oldest = lane
		}
	}
	r, _ := p.take(oldest)
	return r
}

func (p *park) largest() string {
	name, most := "", -1
	for tenant, bytes := range p.tenants {
		if bytes > most {
			name, most = tenant, bytes
		}
	}
	return name
}

package tenancy

import "github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"

// ParkLimits bound the park of one signal, in bytes of encoded data and of its table of items, and with a Store in requestBytes for each request.
type ParkLimits struct {
	PerTenantBytes, TotalBytes int
}

// park knows what waits while its tenant cannot take it, in lanes, first in first out. The bodies are in memory, or in a Store. The caller
// serialises access, and keeps the limits by asking for room before it counts.
type park struct {
	limits  ParkLimits
	each    int               // bytes that a request costs besides its body and its items
	shelves map[string]*shelf // by lane
	tenants map[string]int    // bytes by tenant
	bytes   int
	// most ranks the tenants by what is on their shelves, mostStrange by what is on those without an organisation.
	most, mostStrange ranking
	// strangers are the bytes of requests without an organisation, by tenant, and strange those of all of them.
	strangers map[string]int
	strange   int
	ticket    uint64
	// byFamily is what is parked for each intake.
	byFamily map[intake.Family]stock
}

type stock struct{ items, bytes int }

// shelf is what one lane has parked, oldest first.
type shelf struct {
	lane     string
	tenant   string
	stranger bool
	bytes    int
	requests []*parked
}

// parked is a request with its place in the park. It is counted from when there was room for it until it is settled, also while it is being
// written or sent and is on no shelf.
type parked struct {
	*intake.Request        // if the store has all of it, that of the outline
	ticket          uint64 // order of parking over all shelves
	items, weight   int    // items and bytes that it counts for
	stranger        bool   // it counts as one without an organisation

	// outline is what the store has in a slot, nil if it has nothing of it. It may be more than the request: what was settled could not be
	// taken away.
	outline *intake.Outline
	slot    uint64
}

// away says that the body is in the store.
func (e *parked) away() bool { return e.outline != nil && e.Request == e.outline.Request }

func newPark(limits ParkLimits, each int) *park {
	return &park{limits: limits, each: each, shelves: make(map[string]*shelf), tenants: make(map[string]int), strangers: make(map[string]int), most: newRanking(), mostStrange: newRanking(), byFamily: make(map[intake.Family]stock)}
}

const (
	// itemBytes is what an item costs in memory besides its part of the body.
	itemBytes = 16
	// requestBytes is what a request in a store costs besides: a few hundred bytes of memory, and parts of pages on the disk.
	requestBytes = 1024
)

// weigh is what a parked request counts for.
func (p *park) weigh(r *intake.Request) int { return p.weight(r.BytesSize(), len(r.Items)) }

func (p *park) weight(bytes, items int) int { return bytes + itemBytes*items + p.each }

// fits says that r can be parked without exceeding a limit.
func (p *park) fits(r *intake.Request) bool {
	return p.tenants[r.Tenant]+p.weigh(r) <= p.limits.PerTenantBytes && p.hasRoom(r)
}

// hasRoom says that r can be parked without exceeding the limit for all tenants.
func (p *park) hasRoom(r *intake.Request) bool { return p.bytes+p.weigh(r) <= p.limits.TotalBytes }

// admit counts r, whatever the limits. It is on no shelf yet.
func (p *park) admit(r *intake.Request) *parked {
	p.ticket++
	e := &parked{Request: r, ticket: p.ticket, items: r.Count(), weight: p.weigh(r), stranger: r.Org == ""}
	p.count(e, 1)
	return e
}

// add puts e at the end of its lane, back in front.
func (p *park) add(lane string, e *parked) {
	s := p.shelf(lane, e)
	s.requests = append(s.requests, e)
	p.rank(s, e.weight)
}

func (p *park) back(lane string, e *parked) {
	s := p.shelf(lane, e)
	s.requests = append([]*parked{e}, s.requests...)
	p.rank(s, e.weight)
}

// later makes e the one that was parked last.
func (p *park) later(e *parked) {
	p.ticket++
	e.ticket = p.ticket
}

// restore counts what an earlier process parked and puts it on its shelf.
func (p *park) restore(lane string, e *parked) {
	p.ticket = max(p.ticket, e.ticket)
	e.items, e.weight, e.stranger = e.Count(), p.weight(e.BytesSize(), e.outline.Wire), e.Org == ""
	p.count(e, 1)
	p.add(lane, e)
}

// take removes the oldest request of a lane. It stays counted.
func (p *park) take(lane string) (*parked, bool) {
	s := p.shelves[lane]
	if s == nil {
		return nil, false
	}
	e := s.requests[0]
	s.requests[0] = nil
	s.requests = s.requests[1:]
	p.rank(s, -e.weight)
	if len(s.requests) == 0 {
		delete(p.shelves, lane)
		p.most.leave(s)
		if s.stranger {
			p.mostStrange.leave(s)
		}
	}
	return e, true
}

// oldest is the request that take would return, perhaps without its body.
func (p *park) oldest(lane string) (*intake.Request, bool) {
	if s := p.shelves[lane]; s != nil {
		return s.requests[0].Request, true
	}
	return nil, false
}

// used is which part of the limits is in use: of that for all tenants, and of the one for each by the tenant that has most.
func (p *park) used() (all, tenant float64) {
	most := 0
	for _, bytes := range p.tenants {
		most = max(most, bytes)
	}
	return float64(p.bytes) / float64(max(p.limits.TotalBytes, 1)), float64(most) / float64(max(p.limits.PerTenantBytes, 1))
}

// lanes lists the lanes that have something parked, in no order.
func (p *park) lanes() []string {
	names := make([]string, 0, len(p.shelves))
	for name := range p.shelves {
		names = append(names, name)
	}
	return names
}

// shelf is the one of e's lane.
func (p *park) shelf(lane string, e *parked) *shelf {
	s := p.shelves[lane]
	if s == nil {
		s = &shelf{lane: lane, tenant: e.Tenant, stranger: e.stranger}
		p.shelves[lane] = s
		p.most.join(s)
		if s.stranger {
			p.mostStrange.join(s)
		}
	}
	return s
}

// rank notes that a shelf has so many bytes more, or less.
func (p *park) rank(s *shelf, bytes int) {
	s.bytes += bytes
	p.most.add(s.tenant, bytes)
	if s.stranger {
		p.mostStrange.add(s.tenant, bytes)
	}
}

// count adds e to what is parked, or takes it away.
func (p *park) count(e *parked, sign int) {
	n := sign * e.weight
	p.bytes += n
	of := p.byFamily[e.Family]
	p.byFamily[e.Family] = stock{of.items + sign*e.items, of.bytes + n}
	if p.tenants[e.Tenant] += n; p.tenants[e.Tenant] == 0 {
		delete(p.tenants, e.Tenant)
	}
	if e.stranger {
		p.strange += n
		if p.strangers[e.Tenant] += n; p.strangers[e.Tenant] == 0 {
			delete(p.strangers, e.Tenant)
		}
	}
}

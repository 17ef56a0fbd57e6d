package tenancy

import (
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Why Admit refuses data. The sender of the data may send it again.
var (
	// ErrTooFast: the tenant's intake is slower than the tenant.
	ErrTooFast = errors.New("the intake is slower than the tenant")
	// ErrQueueShare: the tenant holds as much of the queue as it may.
	ErrQueueShare = errors.New("the tenant's share of the queue is used up")
	// ErrFull: what the park holds above its limit, and the queue, are as much as the queue may hold.
	ErrFull = errors.New("queue and park are full")
)

// QueueLimits say how much of the queue one tenant may hold. The zero QueueLimits are none.
type QueueLimits struct {
	// Share is the part that a tenant may hold of what the others leave of the queue, so that one alone has much of it, and several have less each and
	// always leave some. With 0, or from 1 on, there is no such limit.
	Share float64
	// Size is what the queue holds, in the unit of Measure; 0 for no limit.
	Size int
	// Measure tells what a request takes of it. The parts of a request together take as much as the whole.
	Measure func(*intake.Request) int
	// Bytes says that Measure measures bytes.
	Bytes bool
	// Unread is of how many requests one tenant may have its share in the queue that were not read from it, 0 for no limit. For who calls Read.
	Unread int
}

func (q *QueueLimits) shared() bool { return q.Share > 0 && q.Share < 1 }

func (q *QueueLimits) size(r *intake.Request) int {
	if q.Size <= 0 {
		return 0
	}
	return q.Measure(r)
}

// unread is 1 if requests are counted until they are read, else 0.
func (q *QueueLimits) unread() int {
	if q.shared() && q.Unread > 0 {
		return 1
	}
	return 0
}

// within says that a tenant that has mine may have n more, where others have theirs of so much. It may if it has none.
func (q *QueueLimits) within(mine, n, others, of int) bool {
	return !q.shared() || of <= 0 || mine == 0 || float64(mine+n) <= q.Share*float64(of-others)
}

// shares count what each tenant holds of the queue: from before a request is offered until it is settled. What a queue holds since before the process
// began is in no share, and lowers one when it is settled, but not below 0. Access is serialised by the caller.
type shares struct {
	limits  QueueLimits
	tenants map[string]holding
	all     holding
}

type holding struct{ size, unread int }

func newShares(limits QueueLimits) shares {
	return shares{limits: limits, tenants: make(map[string]holding)}
}

func (s *shares) add(tenant string, size, unread int) {
	if size == 0 && unread == 0 {
		return
	}
	h := s.tenants[tenant]
	size, unread = max(size, -h.size), max(unread, -h.unread)
	h.size, h.unread = h.size+size, h.unread+unread
	s.all.size, s.all.unread = s.all.size+size, s.all.unread+unread
	if h == (holding{}) {
		delete(s.tenants, tenant)
		return
	}
	s.tenants[tenant] = h
}

func (s *shares) settle(tenant string, size int) { s.add(tenant, -size, 0) }

// Admit lets requests of one tenant into the queue, all of them or none, or refuses them with ErrTooFast, ErrQueueShare or ErrFull. These are
// retryable, so that back-pressure reaches that tenant's senders and no others. Who admitted what the queue does not take calls Withdraw.
//
// A tenant sends too fast if its lane is busy, not in trouble, and what waits for it fills its share of the park. What the park holds above its limits
// counts as if it were in the queue still, where it came from.
func (d *Dispatcher) Admit(rs ...*intake.Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closing || len(rs) == 0 {
		d.count(1, rs...)
		return nil
	}
	size, now := 0, time.Now()
	for _, r := range rs {
		if d.tooFast(r, now) {
			return fmt.Errorf("tenant %s sends %s faster than the intake takes them; send again later, or raise max_sends_per_tenant: %w", r.Tenant, r.Family, ErrTooFast)
		}
		size += d.shares.limits.size(r)
	}
	tenant := rs[0].Tenant
	if err := d.room(tenant, size, len(rs)); err != nil {
		return fmt.Errorf("tenant %s sends more at once than the queue has room for; send again later, or see sending_queue::queue_size and max_queue_share_per_tenant: %w", tenant, err)
	}
	d.shares.add(tenant, size, len(rs)*d.shares.limits.unread())
	d.count(1, rs...)
	return nil
}

// Withdraw takes back what was admitted and that the queue did not take.
func (d *Dispatcher) Withdraw(rs ...*intake.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count(-1, rs...)
	for _, r := range rs {
		d.shares.add(r.Tenant, -d.shares.limits.size(r), -d.shares.limits.unread())
	}
}

// Read notes that a request was read from the queue, and holds up no others any more.
func (d *Dispatcher) Read(r *intake.Request) {
	if d.set.Queue.unread() == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shares.add(r.Tenant, 0, -1)
}

func (d *Dispatcher) tooFast(r *intake.Request, now time.Time) bool {
	key := r.Key()
	l := d.lanes[key]
	if l == nil || d.trouble(l, now) || d.park.fits(r) {
		return false
	}
	_, parked := d.park.oldest(key)
	return parked || l.waiting > 0
}

// room says why a tenant may not have so much more of the queue.
func (d *Dispatcher) room(tenant string, size, requests int) error {
	q, mine, all := &d.shares.limits, d.shares.tenants[tenant], d.shares.all
	own, over := 0, 0
	if q.Bytes && q.Size > 0 {
		own, over = d.park.above(tenant)
	}
	switch {
	case over > 0 && all.size+over+size > min(q.Size, d.set.Park.TotalBytes):
		return ErrFull
	case !q.within(mine.size+own, size, all.size-mine.size+max(over-own, 0), q.Size):
		return ErrQueueShare
	case !q.within(mine.unread, requests, all.unread-mine.unread, q.Unread):
		return ErrQueueShare
	}
	return nil
}

// above is what the park holds above its limits, of a tenant and in all.
func (p *park) above(tenant string) (own, all int) {
	return max(p.tenants[tenant]-p.limits.PerTenantBytes, 0), max(p.bytes-p.limits.TotalBytes, 0)
}

// swamped says that the park holds so much more than it should that a push waits for a place however long. What Admit lets in does not come to that, but a
// queue that is larger than the park and was full when an earlier process ended can.
func (p *park) swamped() bool { return p.bytes > 2*p.limits.TotalBytes }

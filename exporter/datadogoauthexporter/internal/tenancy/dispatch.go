package tenancy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Observer is told of every item that waits or is lost here. It is called from many goroutines, never with a lock held.
type Observer interface {
	Parked(f intake.Family, why ParkReason, items int)
	Redriven(f intake.Family, items int)
	Expired(f intake.Family, items int)
	Dropped(f intake.Family, why intake.Reason, items int)
}

// Board is told, by tenant, why data waits or is lost for which no intake was tried. It is called from many goroutines, never with a lock held.
type Board interface {
	NotSent(tenant string, f intake.Family, why error)
}

// Settings are what a Dispatcher needs.
type Settings struct {
	Source credential.Source
	// Deliver sends a request; its errors are those of intake.Sender.Send.
	Deliver  func(context.Context, *credential.Credential, *intake.Request) error
	Observer Observer
	// Board may be nil.
	Board  Board
	Logger *zap.Logger
	// Retry is the configuration of exporterhelper's retry, which runs above Push.
	Retry configretry.BackOffConfig
	// MaxSends is how many requests one tenant may have under way at one intake, the one that comes from the park included. Service checks
	// have one, whatever it is.
	MaxSends int
	// Workers is how many requests may be under way in all, those from the park and with a Store those to it included. One intake of one site gets three quarters of these
	// places at most. Some requests may be in back-off besides, see sleepers. Push needs PoolSize(Workers) callers, to be there for all tenants.
	Workers int
	Queue   QueueLimits
	Park    ParkLimits
	// Strangers are the tenants without an organisation whose data waits.
	Strangers Strangers
	// MaxAge is how old an item may be when it is sent, 0 for any age.
	MaxAge func(intake.Family) time.Duration
	// MaxAhead is how far ahead of the clock an item may be when it is sent, 0 for any. It may be nil.
	MaxAhead func(intake.Family) time.Duration
	// Validated is when the key of a generation was last called valid; see credential.Refusals. It may be nil: then that is not known.
	Validated func(tenant string, generation uint64) time.Time
	// Store keeps what is parked, nil for in memory only. It comes with a durable queue: exporterhelper's retry must not give up then before it is
	// stopped, so that the queue keeps what Push returns a retryable error for.
	Store *Store
}

// Dispatcher stands between the queue and the intakes of one signal. Push gives each tenant its own lane: so many places among the senders,
// a breaker, and a place in the park. The lanes that lead to one intake of one site share a second breaker. Parked data is sent when its
// tenant can take it again.
type Dispatcher struct {
	set     Settings
	kick    chan struct{} // something may be due
	stopped chan struct{} // closed when Stop is done
	backlog backlog

	mu           sync.Mutex // guards everything below
	lanes        map[string]*lane
	lanesSeen    time.Time // when they were last looked through for those that nobody needs
	destinations map[destinationKey]*destination
	park         *park
	asleep       map[*intake.Request]struct{} // in back-off inside a queue worker
	sending      int                          // requests of queue workers that are with an intake
	line         []*waiter                    // calls of Push that wait for a place
	pace         pace
	starved      bool // parked data is due and finds no place
	curbed       bool // the same of data of a lane that leaves places to others
	shares       shares
	undeleted    map[uint64]*undeleted // by number in the durable queue
	toStore      destination           // of what is handed over to the Store
	storeLine    []chan bool           // hand-overs that wait for a place; true if they get one
	closing      bool
	cut          bool // Cut was called
	// coming counts the items that Admit let in and that were not pushed yet. Once ended is set nothing counts them any more, nor what comes of them.
	coming  map[intake.Family]int
	ended   bool
	pushing int           // calls of Push
	begun   uint64        // guarded by mu; calls of Push so far
	idle    chan struct{} // closed when pushing becomes 0, nil while nobody waits
	// redriving counts the goroutines that send parked data, probing those of them that try a lane in trouble.
	redriving, probing int
	strangers          map[string]time.Time // when data of a tenant without an organisation was last seen
	strangersSeen      time.Time            // when they were last looked through
	storeFails         bool                 // the log says so, and not yet that it works again
	storeTold          time.Time            // when the log said so last

	stop, abort context.CancelFunc // of the loop, and of sends of parked data
	sends       context.Context    // ends with Cut
	cutSends    context.CancelFunc
	loopDone    chan struct{}
	redrives    sync.WaitGroup
}

// NewDispatcher starts nothing.
func NewDispatcher(set Settings) *Dispatcher {
	each := 0
	if set.Store != nil {
		each = requestBytes
	}
	sends, cutSends := context.WithCancel(context.Background())
	return &Dispatcher{
		sends: sends, cutSends: cutSends, strangers: make(map[string]time.Time), coming: make(map[intake.Family]int),
		set: set, kick: make(chan struct{}, 1), stopped: make(chan struct{}),
		shares: newShares(set.Queue), undeleted: make(map[uint64]*undeleted), lanes: make(map[string]*lane), destinations: make(map[destinationKey]*destination), park: newPark(set.Park, each), asleep: make(map[*intake.Request]struct{}),
	}
}

// outcome is what became of one attempt.
type outcome uint8

const (
	done    outcome = iota // nothing is left to do: delivered, expired, or lost and counted
	waiting                // the tenant has no usable credential
	failing                // worth another attempt
	unready                // the grants are not loaded yet
	crowded                // not tried: the lane, or its site, has as many requests under way as it may
	blocked                // not tried: a breaker is open, or the intake asked to wait
)

// result is an outcome with what is left of the request.
type result struct {
	outcome outcome
	left    *intake.Request
	wait    time.Duration // asked for by the intake
	refused uint64        // generation of the key that the intake refused
	// notEnabled says that the intake is not enabled for the organisation
	notEnabled bool
	reached    reach // how far the attempt came
	partial    bool  // some of the request was delivered
	settled    bool  // some of the request was delivered or lost
	err        error // permanent with done, if all was lost
}

// reach says what an attempt tells about the intake, whoever the tenant is.
type reach uint8

const (
	untried  reach = iota // nothing was sent
	down                  // no answer, or 5xx
	answered              // an answer that is about the request or its tenant
)

// Push sends one request, or parks it when its tenant cannot take it. It is the end of exporterhelper's chain, below its retry.
//
// A retryable error comes back only while there is time left for exporterhelper to retry, and while the breakers are closed and few requests are in
// back-off. In every other case the request is parked and the error is nil; with a Store it is written there by then, and when it cannot be written
// the error is retryable. A request of a lane that merely is busy never makes the park drop anything: it may take it above its limits, and
// Admit takes no more until it is below them.
func (d *Dispatcher) Push(ctx context.Context, req xexporterhelper.Request) (err error) {
	r := req.(*intake.Request)
	if r.Org == "" {
		_ = d.stamp(r) // without one it is parked, or lost
	}
	key, fresh := r.Key(), r.Try.First.IsZero()
	if fresh {
		r.Try.First, r.Try.Owed, r.Try.Stored = time.Now(), d.set.Queue.size(r), r.Stored
	}
	tenant, owed := r.Tenant, r.Try.Owed // r is not ours any more at the end
	cut, ended := d.arrive(r, fresh)
	defer func() { d.depart(tenant, owed, err) }()
	switch {
	case ended:
		return consumererror.NewPermanent(errStopping)
	case cut:
		return d.refuse(r)
	}
	res := d.attempt(r, func() result {
		return d.lookup(r, func(cred *credential.Credential) result {
			if o, err := d.enter(ctx, key, r, cred.Generation()); err != nil {
				return result{outcome: o, left: r, err: err}
			}
			defer d.landed(key)
			if d.trim(r); len(r.Items) == 0 { // it waited for its place
				return result{outcome: done}
			}
			return d.send(ctx, cred, r)
		})
	})
	return d.settle(key, r, res)
}

// Pushes is how many calls of Push run, and how many there were.
type Pushes struct {
	Running int
	Begun   uint64
}

// Pushes tells whether anything moves.
func (d *Dispatcher) Pushes() Pushes {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Pushes{d.pushing, d.begun}
}

// arrive notes that a push began, and that its request is not in back-off any more. cut says that it is not to be sent, ended that it was counted
// as lost already.
func (d *Dispatcher) arrive(r *intake.Request, fresh bool) (cut, ended bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pushing++
	d.begun++
	delete(d.asleep, r)
	if fresh {
		d.count(-1, r)
	}
	return d.cut, d.ended
}

// depart ends a push. Unless the request will come again, it is out of the queue.
func (d *Dispatcher) depart(tenant string, owed int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil || consumererror.IsPermanent(err) {
		d.shares.settle(tenant, owed)
	}
	if d.pushing--; d.pushing == 0 && d.idle != nil {
		close(d.idle)
		d.idle = nil
	}
}

// lookup trims r, finds the credential and calls send with it.
func (d *Dispatcher) lookup(r *intake.Request, send func(*credential.Credential) result) result {
	if d.trim(r); len(r.Items) == 0 {
		return result{outcome: done}
	}
	cred, err := d.set.Source.Lookup(r.Tenant)
	switch {
	case r.Org == "" && (err == nil || d.Shelter(r.Tenant, err)): // with nil it has connected this moment
		return result{outcome: waiting, left: r, err: errStranger}
	case err == nil && cred.OrgText() != r.Org:
		return d.lose(r, intake.ReasonOrgChanged, errors.New("the tenant connected another organisation; data for the old one is not sent"))
	case err == nil:
		return send(cred)
	case errors.Is(err, credential.ErrNotReady):
		return result{outcome: unready, left: r, err: err}
	case errors.Is(err, credential.ErrDisconnected):
		return d.lose(r, intake.ReasonDisconnected, err)
	case errors.Is(err, credential.ErrUnknownTenant):
		return d.lose(r, intake.ReasonUnknownTenant, err)
	case errors.Is(err, credential.ErrNotConnected):
		return d.lose(r, intake.ReasonNotConnected, err)
	default: // missing, refused, paused
		return result{outcome: waiting, left: r, err: err}
	}
}

func (d *Dispatcher) lose(r *intake.Request, why intake.Reason, err error) result {
	d.set.Observer.Dropped(r.Family, why, r.Count())
	d.notSent(r, err)
	return result{outcome: done, err: consumererror.NewPermanent(fmt.Errorf("%s of tenant %s: %w", r.Family, r.Tenant, err))}
}

// trim removes what the intake would drop without a word: what is too old, and what is too far ahead. What is ahead stays so if the clock of whoever
// made it is wrong, so it is not waited for.
func (d *Dispatcher) trim(r *intake.Request) {
	now, before, after := time.Now(), int64(0), int64(0)
	if age := d.set.MaxAge(r.Family); age > 0 {
		before = now.Add(-age).Unix()
	}
	if d.set.MaxAhead != nil {
		if ahead := d.set.MaxAhead(r.Family); ahead > 0 {
			after = now.Add(ahead).Unix()
		}
	}
	old, ahead := r.Trim(before, after)
	if old > 0 {
		d.expired(r, old)
	}
	if ahead > 0 {
		d.dropped(r, intake.ReasonFuture, ahead)
	}
	r.Settled(old + ahead)
}

// send makes one attempt.
func (d *Dispatcher) send(ctx context.Context, cred *credential.Credential, r *intake.Request) result {
	ctx, cancel := d.untilCut(ctx)
	err := d.set.Deliver(ctx, cred, r)
	cancel()
	var unsent *intake.Unsent
	if !errors.As(err, &unsent) {
		res := result{outcome: done, reached: answered, err: err}
		if unanswered := (*intake.Unanswered)(nil); errors.As(err, &unanswered) {
			res.reached = down
		}
		return res
	}
	res := result{outcome: failing, left: unsent.Left, wait: unsent.Wait, reached: answered, partial: unsent.Partial, settled: unsent.Settled, err: unsent.Err}
	switch {
	case unsent.Down:
		res.reached = down
	case unsent.Untried:
		res.reached = untried
	}
	res.notEnabled = unsent.NotEnabled
	if errors.Is(err, context.DeadlineExceeded) {
		res.left.Try.Timeouts++
	}
	if unsent.Refused {
		d.set.Source.Refused(r.Tenant, cred.Generation())
		if newer, err := d.set.Source.Lookup(r.Tenant); err != nil || newer.Generation() <= cred.Generation() {
			res.outcome, res.refused = waiting, cred.Generation()
		} // else the key was replaced while we sent
	}
	return res
}

package tenancy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Observer is told of every item that waits or is lost here. It is called from many goroutines, never with a lock held.
type Observer interface {
	Parked(f intake.Family, items int)
	Redriven(f intake.Family, items int)
	Expired(f intake.Family, items int)
	Dropped(f intake.Family, why intake.Reason, items int)
}

// Settings are what a Dispatcher needs.
type Settings struct {
	Source credential.Source
	// Deliver sends a request; its errors are those of intake.Sender.Send.
	Deliver  func(context.Context, *credential.Credential, *intake.Request) error
	Observer Observer
	Logger   *zap.Logger
	// Retry is the configuration of exporterhelper's retry, which runs above Push.
	Retry configretry.BackOffConfig
	// Timeout bounds one attempt to send parked data. Push is bounded by its context.
	Timeout time.Duration
	// MaxSends is how many requests one tenant may have under way at one intake.
	MaxSends int
	// Workers is how many queue workers there are. Half of them at most wait in back-off, and as many goroutines send parked data.
	Workers int
	Park    ParkLimits
	// MaxAge is how old an item may be when it is sent, 0 for any age.
	MaxAge func(intake.Family) time.Duration
	// Durable says that the queue survives a restart, so that what cannot be sent at shutdown stays in it.
	Durable bool
}

// Dispatcher stands between the queue and the intakes of one signal. Push gives each tenant its own lane: so many places among the senders,
// a breaker, and a place in the park. Parked data is sent when its tenant can take it again.
type Dispatcher struct {
	set  Settings
	kick chan struct{} // something may be due

	mu      sync.Mutex // guards everything below
	lanes   map[string]*lane
	park    *park
	asleep  map[*intake.Request]struct{} // in back-off inside a queue worker
	closing bool
	pushing int           // calls of Push
	idle    chan struct{} // closed when pushing becomes 0, nil while nobody waits
	// redriving counts the goroutines that send parked data, probing those of them that try a lane in trouble.
	redriving, probing int

	stop, abort context.CancelFunc // of the loop, and of sends of parked data
	loopDone    chan struct{}
	redrives    sync.WaitGroup
}

// NewDispatcher starts nothing.
func NewDispatcher(set Settings) *Dispatcher {
	return &Dispatcher{
		set: set, kick: make(chan struct{}, 1),
		lanes: make(map[string]*lane), park: newPark(set.Park), asleep: make(map[*intake.Request]struct{}),
	}
}

// errStopping makes a durable queue keep the request.
var errStopping = errors.New("the collector is stopping")

// outcome is what became of one attempt.
type outcome uint8

const (
	done    outcome = iota // nothing is left to do: delivered, expired, or lost and counted
	waiting                // the tenant has no usable credential
	failing                // worth another attempt
	unready                // the grants are not loaded yet
	crowded                // not tried: the lane is full, or its breaker is open
)

// result is an outcome with what is left of the request.
type result struct {
	outcome outcome
	left    *intake.Request
	wait    time.Duration // asked for by the intake
	refused uint64        // generation of the key that the intake refused
	works   bool          // with done: the intake answered
	err     error         // permanent with done, if all was lost
}

// Push sends one request, or parks it when its tenant cannot take it. It is the end of exporterhelper's chain, below its retry.
//
// A retryable error comes back only while there is time left for exporterhelper to retry, while the lane's breaker is closed, and while
// fewer than half of the queue's workers wait in back-off. In every other case the request is parked and the error is nil.
func (d *Dispatcher) Push(ctx context.Context, req xexporterhelper.Request) error {
	r := req.(*intake.Request)
	key := r.Key()
	now := time.Now()
	if r.Try.First.IsZero() {
		r.Try.First = now
	}
	d.arrive(r)
	defer d.depart()
	res := d.lookup(r, func(cred *credential.Credential) result {
		if why, ok := d.enter(key, r, cred.Generation(), now); !ok {
			return result{outcome: crowded, left: r, err: why}
		}
		return d.send(ctx, cred, r)
	})
	return d.settle(key, r, res)
}

// arrive notes that a push began, and that its request is not in back-off any more.
func (d *Dispatcher) arrive(r *intake.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.pushing++
	delete(d.asleep, r)
}

func (d *Dispatcher) depart() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pushing--; d.pushing == 0 && d.idle != nil {
		close(d.idle)
		d.idle = nil
	}
}

// lookup expires items, finds the credential and calls send with it.
func (d *Dispatcher) lookup(r *intake.Request, send func(*credential.Credential) result) result {
	if d.expire(r); len(r.Items) == 0 {
		return result{outcome: done}
	}
	cred, err := d.set.Source.Lookup(r.Tenant)
	switch {
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
	return result{outcome: done, err: consumererror.NewPermanent(fmt.Errorf("%s of tenant %s: %w", r.Family, r.Tenant, err))}
}

func (d *Dispatcher) expire(r *intake.Request) {
	age := d.set.MaxAge(r.Family)
	if age <= 0 {
		return
	}
	if n := r.Expire(time.Now().Add(-age).Unix()); n > 0 {
		d.set.Observer.Expired(r.Family, n)
	}
}

// send makes one attempt.
func (d *Dispatcher) send(ctx context.Context, cred *credential.Credential, r *intake.Request) result {
	err := d.set.Deliver(ctx, cred, r)
	var unsent *intake.Unsent
	switch {
	case !errors.As(err, &unsent):
		return result{outcome: done, works: true, err: err}
	case unsent.Refused:
		d.set.Source.Refused(r.Tenant, cred.Generation())
		if newer, err := d.set.Source.Lookup(r.Tenant); err == nil && newer.Generation() > cred.Generation() {
			return result{outcome: failing, left: unsent.Left, err: unsent.Err} // the key was replaced while we sent
		}
		return result{outcome: waiting, left: unsent.Left, refused: cred.Generation(), err: unsent.Err}
	default:
		return result{outcome: failing, left: unsent.Left, wait: unsent.Wait, err: unsent.Err}
	}
}

// Why a request is parked without an attempt. Not printed.
var (
	errBusy    = errors.New("the tenant has as many requests under way as it may")
	errBreaker = errors.New("the intake does not work for this tenant at the moment")
)

// enter takes one of the lane's places for r, unless it has one from the attempt before.
func (d *Dispatcher) enter(key string, r *intake.Request, generation uint64, now time.Time) (error, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lane(key, r.Tenant)
	switch {
	case d.closing:
	case l.open(), now.Before(l.notBefore) && (l.refused == generation || l.throttled && !r.Try.Slot):
		return errBreaker, false
	case r.Try.Slot:
		return nil, true
	case l.sending >= d.set.MaxSends:
		return errBusy, false
	}
	if !r.Try.Slot {
		l.sending++
		r.Try.Slot = true
	}
	return nil, true
}

func (d *Dispatcher) lane(key, tenant string) *lane {
	l := d.lanes[key]
	if l == nil {
		l = &lane{key: key, tenant: tenant}
		d.lanes[key] = l
	}
	return l
}

// settle notes the outcome of a push and decides what exporterhelper is told. r held a place if and only if r.Try.Slot; what is left of r
// inherits it.
func (d *Dispatcher) settle(key string, r *intake.Request, res result) error {
	if res.outcome == done {
		d.finish(key, r, res.works)
		return res.err
	}
	left, now := res.left, time.Now()
	d.mu.Lock()
	l := d.lane(key, r.Tenant)
	left.Try.Failures++
	if res.outcome == failing {
		l.failed(now, res.wait, d.set.Retry)
	}
	if d.closing {
		d.leave(l, left)
		d.mu.Unlock()
		if d.set.Durable {
			return fmt.Errorf("%w: %w", errStopping, res.err)
		}
		return d.lose(left, intake.ReasonShutdown, res.err).err
	}
	if d.mayRetry(l, res) && !lastAttempt(now, left.Try.First, left.Try.Failures, res.wait, d.set.Retry) {
		d.asleep[left] = struct{}{}
		d.mu.Unlock()
		err := error(&intake.Unsent{Left: left, Err: res.err})
		if res.wait > 0 {
			err = exporterhelper.NewThrottleRetry(err, res.wait)
		}
		return err
	}
	d.leave(l, left)
	news := l.hold(now, res)
	evicted := d.park.put(key, left)
	full := len(evicted) > 0 && !l.full
	l.full = l.full || full
	d.mu.Unlock()

	d.set.Observer.Parked(left.Family, left.Count())
	if news {
		d.set.Logger.Warn("Parking data of a tenant that cannot take it",
			zap.String("tenant", left.Tenant), zap.Stringer("intake", left.Family), zap.Error(res.err))
	}
	if full {
		d.set.Logger.Error("The park is full: the oldest parked data is dropped, and counted as park_full; see parking::max_bytes",
			zap.String("tenant", left.Tenant), zap.Stringer("intake", left.Family))
	}
	for _, r := range evicted {
		d.set.Observer.Dropped(r.Family, intake.ReasonParkFull, r.Count())
	}
	d.nudge()
	return nil
}

// mayRetry says whether exporterhelper may try again, which keeps one queue worker waiting.
func (d *Dispatcher) mayRetry(l *lane, res result) bool {
	switch res.outcome {
	case unready: // no tenant can be served, so nobody is kept waiting by this one
		return true
	case failing:
		return !l.open() && len(d.asleep) < max(d.set.Workers/2, 1)
	default:
		return false
	}
}

// finish gives back the place of a request of which nothing is left.
func (d *Dispatcher) finish(key string, r *intake.Request, works bool) {
	d.mu.Lock()
	l := d.lane(key, r.Tenant)
	d.leave(l, r)
	recovered := works && l.succeeded()
	_, more := d.park.oldest(key)
	if !more && l.idle(time.Now()) {
		delete(d.lanes, key)
	}
	d.mu.Unlock()
	if recovered {
		d.set.Logger.Info("Data of a tenant is delivered again", zap.String("tenant", r.Tenant), zap.Stringer("intake", r.Family))
	}
	if more {
		d.nudge()
	}
}

// leave gives back the place that r holds.
func (d *Dispatcher) leave(l *lane, r *intake.Request) {
	if r.Try.Slot {
		r.Try.Slot = false
		l.sending--
	}
	r.Try = intake.Try{}
}

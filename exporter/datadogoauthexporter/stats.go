package datadogoauthexporter

import (
	"context"
	"errors"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// statsFlow brings the APM stats of the spans that were accepted to the queue: once an interval those of the buckets that are due, some tenants after
// others, and at a stop all of them. A nil one does nothing.
type statsFlow struct {
	all       *apmstats.Concentrators
	enqueue   func(context.Context, *intake.Request) error
	telemetry *telemetry
	queued    func(groups int) // counts groups that wait to be offered as queued, or no more
	durable   func() bool      // says that there is a storage to park in
	park      func(*intake.Request) error
	interval  time.Duration
	refused   refusedStats

	cancel   context.CancelFunc // nil until it was started
	loopDone chan struct{}
}

func newStatsFlow(c *core, enqueue func(context.Context, *intake.Request) error) *statsFlow {
	return &statsFlow{
		all:       apmstats.New(statsOptions(c)),
		enqueue:   enqueue,
		telemetry: c.telemetry,
		queued:    func(groups int) { c.dispatcher.Load().Enqueued(intake.Stats, groups) },
		durable:   func() bool { return c.parking != nil },
		park:      func(r *intake.Request) error { return c.dispatcher.Load().Park(errStatsRefused, r) },
		interval:  c.cfg.Traces.BucketInterval,
		refused:   refusedStats{limitBytes: maxRefusedBytes},
	}
}

func statsOptions(c *core) apmstats.Options {
	t := &c.cfg.Traces
	return apmstats.Options{
		BySpanKind:       t.ComputeStatsBySpanKind,
		BucketInterval:   int64(t.BucketInterval),
		MaxKeysPerTenant: t.MaxStatsKeysPerTenant,
		MaxKeys:          t.MaxStatsKeys,
		AgentHost:        c.cfg.Hostname,
		Observer:         c.telemetry,
	}
}

// begin opens a transaction, nil when no stats are computed.
func (s *statsFlow) begin(tenant, org string) *apmstats.Tx {
	if s == nil {
		return nil
	}
	return s.all.Begin(tenant, org)
}

func (s *statsFlow) start() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.loopDone = cancel, make(chan struct{})
	go func() {
		defer close(s.loopDone)
		s.loop(ctx)
	}()
}

// maxTurns bounds the turns of an interval. A turn takes a second at least.
const maxTurns = 10

// loop gives each tenant a turn in each interval, the first one at its end: the stats of thousands at once are more memory than all that else is under way,
// and may be more than a queue holds.
func (s *statsFlow) loop(ctx context.Context) {
	turns := max(min(int(s.interval/time.Second), maxTurns), 1)
	ticker := time.NewTicker(s.interval / time.Duration(turns))
	defer ticker.Stop()
	for turn := 1 % turns; ; turn = (turn + 1) % turns {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.flush(ctx, s.interval/time.Duration(turns), func(emit emitStats) { s.all.FlushSome(turn, turns, emit) })
		}
	}
}

// stop puts all stats into the queue. What that does not take is parked in the storage; without one it is counted as lost.
func (s *statsFlow) stop(ctx context.Context) {
	if s == nil || s.cancel == nil {
		return
	}
	s.cancel()
	<-s.loopDone
	s.cancel = nil
	s.flushAll(ctx)
	for _, r := range s.refused.take() {
		s.drop(r, intake.ReasonShutdown)
	}
}

// errStatsRefused is why stats are parked.
var errStatsRefused = errors.New("the queue took no APM stats before the stop")

// emitStats is what is called for the stats of one tenant. It says whether those of others may follow.
type emitStats = func(tenant, org string, p intake.Payload) bool

// flush offers to the queue what it refused before, then what is due. It takes no longer than until the next one, so that a queue that makes us wait
// does not make spans late. What comes after something that the queue refuses stays where it is, in bounded memory, until the next turn.
func (s *statsFlow) flush(ctx context.Context, within time.Duration, due func(emitStats)) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	full := false
	for _, r := range s.refused.take() {
		full = s.offer(ctx, r) || full
	}
	if !full {
		due(func(tenant, org string, p intake.Payload) bool { return !s.offerNew(ctx, tenant, org, p) })
	}
}

// flushAll offers all there is, and parks what the queue refuses of it if there is a storage.
func (s *statsFlow) flushAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, s.interval)
	defer cancel()
	for _, r := range s.refused.take() {
		s.offer(ctx, r)
	}
	s.parkRefused()
	s.all.Flush(true, func(tenant, org string, p intake.Payload) bool {
		s.offerNew(ctx, tenant, org, p)
		s.parkRefused()
		return true
	})
}

func (s *statsFlow) parkRefused() {
	if !s.durable() {
		return
	}
	for _, r := range s.refused.take() {
		groups := r.Count()
		if s.park(r) != nil {
			s.drop(r, intake.ReasonShutdown)
			continue
		}
		s.queued(-groups)
	}
}

// offerNew is offer for what comes from a bucket.
func (s *statsFlow) offerNew(ctx context.Context, tenant, org string, p intake.Payload) (full bool) {
	r := intake.NewRequest(tenant, org, intake.Stats, p)
	s.queued(r.Count())
	s.telemetry.acceptedStats(r.Count())
	return s.offer(ctx, r)
}

// offer gives r to the queue, or keeps it to be offered again. full says that the queue takes nothing of others either.
func (s *statsFlow) offer(ctx context.Context, r *intake.Request) (full bool) {
	ctx, cancel := context.WithTimeout(ctx, offerTimeout)
	defer cancel()
	groups := r.Count()
	err := s.enqueue(ctx, r)
	switch {
	case err == nil:
		s.queued(-groups) // the queue counts them
	case errors.Is(err, errTooLargeForQueue):
		s.drop(r, intake.ReasonTooLarge)
	default:
		full = !ofTheTenant(err)
		for _, lost := range s.refused.keep(r) {
			s.drop(lost, intake.ReasonQueueFull)
		}
	}
	return full
}

func (s *statsFlow) drop(r *intake.Request, why intake.Reason) {
	s.queued(-r.Count())
	s.telemetry.Dropped(r.Family, why, r.Count())
}

// offerTimeout bounds the wait for a full queue with block_on_overflow.
const offerTimeout = time.Second

// maxRefusedBytes bounds the stats that wait for the queue.
const maxRefusedBytes = 16 << 20

// refusedStats are requests that the queue did not take, oldest first. Use it from one goroutine.
type refusedStats struct {
	limitBytes int
	requests   []*intake.Request
	bytes      int
}

func (q *refusedStats) take() []*intake.Request {
	all := q.requests
	q.requests, q.bytes = nil, 0
	return all
}

// keep adds r. Where there is no room it returns the oldest requests of the tenants that keep most.
func (q *refusedStats) keep(r *intake.Request) (lost []*intake.Request) {
	q.requests, q.bytes = append(q.requests, r), q.bytes+r.BytesSize()
	for q.bytes > q.limitBytes {
		at := q.oldestOf(q.largest())
		gone := q.requests[at]
		q.requests = append(q.requests[:at], q.requests[at+1:]...)
		q.bytes -= gone.BytesSize()
		lost = append(lost, gone)
	}
	return lost
}

func (q *refusedStats) largest() (tenant string) {
	bytes := make(map[string]int)
	for _, r := range q.requests {
		if bytes[r.Tenant] += r.BytesSize(); bytes[r.Tenant] > bytes[tenant] || tenant == "" {
			tenant = r.Tenant
		}
	}
	return tenant
}

func (q *refusedStats) oldestOf(tenant string) int {
	for i, r := range q.requests {
		if r.Tenant == tenant {
			return i
		}
	}
	return 0
}

package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/hostmetadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// signal says how the pdata type D of one signal is taken apart into resources R and put together again.
type signal[D, R any] struct {
	resources func(D) resources[R]
	// attributes are those of the resource; count is the number of its items.
	attributes func(R) pcommon.Map
	count      func(R) int
	// host reads what a resource tells of its host. With nil its attributes are read.
	host func(*hostmetadata.Tx, R)
	// begin opens a mapping for one tenant, whose data belongs to org.
	begin func(tenant, org string) mapping[R]
	// refused makes a retryable error that holds the resources to be sent again.
	refused func(err error, of []R) error
}

// resources is what pdata's slices have in common.
type resources[R any] interface {
	Len() int
	At(int) R
}

// mapping turns resources of one tenant into payloads. Exactly one of commit and rollback ends it.
type mapping[R any] interface {
	add(R, *intake.Drops)
	// payloads returns what add made, one payload per intake. Those after the first can be parked when the queue takes the first only.
	payloads() []payload
	commit()
	rollback()
}

// diverter is a mapping that makes items of other kinds, such as an event out of a log record. They are counted as what they are.
type diverter interface {
	// diverted calls count for each other kind: how many items of it there were, and why some of them are not sent. It returns how many of
	// the mapping's own items are none of the signal any more.
	diverted(count func(of intake.Family, items int, drops *intake.Drops)) (gone int)
}

// journalling is a mapping with something that goes by the journal of the holder of grants, and not by the queue.
type journalling interface {
	// prepare says whether it can be noted, for an organisation in text. With an error nothing of the mapping is taken.
	prepare(tenant, org string) error
	// handOver notes it, after everything else was taken. It keeps what cannot be noted at the moment, so that nothing is refused that was taken.
	handOver(ctx context.Context, tenant string)
}

type payload struct {
	family intake.Family
	*intake.Payload
}

// chain is exporterhelper's part of an exporter: queue, batcher, retry, push.
type chain[D any] struct {
	component.Component
	consume func(context.Context, D) error
}

// signalExporter is the exporter of one signal.
type signalExporter[D, R any] struct {
	*core
	signal  signal[D, R]
	next    chain[D]
	empty   D        // what exporterhelper is given in place of the data; see handover
	calls   inflight // of consume and Probe
	room    room
	prober  prober[R]
	probing probing
}

// Capabilities says that data is changed: the attribute that names the tenant is removed before mapping.
func (e *signalExporter[D, R]) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

// Start implements component.Component.
func (e *signalExporter[D, R]) Start(ctx context.Context, host component.Host) error {
	e.queue = e.guardQueue(host)
	if err := e.start(ctx, host); err != nil {
		return err
	}
	defer e.queue.started(ctx)
	if err := e.next.Start(ctx, e.watch.host(e.queue.host(host))); err != nil {
		return err
	}
	e.probing.offer(e.source, e)
	return nil
}

// end is what the stop of every signal is. It may come without Start.
func (e *signalExporter[D, R]) end(ctx context.Context) error {
	e.probing.end()
	e.queue.stops()
	e.calls.close()
	early, cancelEarly := e.part(ctx, 4)
	_ = e.calls.wait(early) // what a call that goes on all the same brings to the queue is sent or counted
	cancelEarly()
	return e.stop(ctx, e.next, e.enqueue)
}

// share is one tenant's part of a call.
type share[R any] struct {
	org     string
	mapping mapping[R]       // nil while err is not
	hosts   *hostmetadata.Tx // nil when no host metadata is sent
	drops   intake.Drops
	items   int
	of      []R
	named   []tenancy.Named // for each of them
	err     error           // the tenant has no organisation, it is not known yet, or the queue refused the share
	// requests are what was offered to the queue, tooLarge what is larger than it.
	requests, tooLarge []*intake.Request
	queued             [intake.NumFamilies]int // items that the queue took
}

var errStopped = errors.New("the exporter was shut down")

// consume maps the resources of each tenant and offers them to the queue.
//
// When nothing of the call was taken, and some of it is worth sending again, the error is retryable and holds just that. Once something was taken the call is not
// refused any more, since its sender would send all of it again; see keep. But what is in no file is refused all the same: an answer is a promise. Resources that
// will never be taken are counted; they make the error permanent only when nothing else was in the call.
func (e *signalExporter[D, R]) consume(ctx context.Context, data D) error {
	if !e.calls.enter() {
		return errStopped
	}
	defer e.calls.leave()
	var lostErr error
	accepted := false
	shares := e.shares(ctx, data, &lostErr)
	for tenant, s := range shares {
		if s.err == nil {
			s.err = e.offer(ctx, tenant, s)
		}
		switch why, final := finalReason(s.err); {
		case s.err == nil:
			e.taken(ctx, tenant, s)
			accepted = true
			delete(shares, tenant)
		case final:
			s.rollback()
			e.telemetry.refused(why, s.items, fmt.Errorf("tenant %s: %w", tenant, s.err))
			lostErr = s.err
			delete(shares, tenant)
		}
	}
	var again []R
	var againErr error
	for tenant, s := range shares { // what was refused
		inPart := errors.Is(s.err, errInPart)
		if accepted && !inPart && e.keep(ctx, tenant, s) {
			continue
		}
		s.rollback()
		if inPart {
			e.telemetry.acceptedInPart(&s.queued)
		}
		e.telemetry.givenBack(s.items, s.err)
		for i, r := range s.of {
			tenancy.Restore(e.signal.attributes(r), s.named[i])
		}
		again, againErr = append(again, s.of...), s.err
	}
	switch {
	case len(again) > 0:
		return e.signal.refused(againErr, again)
	case lostErr != nil && !accepted:
		return consumererror.NewPermanent(lostErr)
	default:
		return nil
	}
}

// shares divides data by tenant and maps it. The last refusal is put into lost.
func (e *signalExporter[D, R]) shares(ctx context.Context, data D, lost *error) map[string]*share[R] {
	caller := e.resolver.Caller(ctx)
	shares := make(map[string]*share[R], 1)
	all := e.signal.resources(data)
	for i := range all.Len() {
		r := all.At(i)
		items := e.signal.count(r)
		tenant, named, refusal := caller.Take(e.signal.attributes(r))
		if refusal != nil {
			e.telemetry.refused(refusal.Reason, items, refusal)
			*lost = refusal
			continue
		}
		s := shares[tenant]
		if s == nil {
			s = &share[R]{}
			if s.org, s.err = e.org(tenant); s.err != nil && e.dispatcher.Load().Shelter(tenant, s.err) {
				s.err = nil // it waits, without an organisation
			}
			if s.err == nil {
				e.open(tenant, s, items)
			}
			shares[tenant] = s
		}
		s.of, s.named, s.items = append(s.of, r), append(s.named, named), s.items+items
		if s.err == nil {
			e.add(s, r)
		}
	}
	return shares
}

// open begins the mapping of a share that has so many items at first.
func (e *signalExporter[D, R]) open(tenant string, s *share[R], items int) {
	s.mapping = e.signal.begin(tenant, s.org)
	if s.org != "" {
		s.hosts = e.hosts.Begin(tenant, s.org)
	}
	e.room.prepare(s.mapping.payloads(), items)
}

func (e *signalExporter[D, R]) add(s *share[R], r R) {
	e.readHost(s.hosts, r)
	s.mapping.add(r, &s.drops)
}

// rollback makes the mapping of a share as if it had not been.
func (s *share[R]) rollback() {
	if s.mapping != nil {
		s.mapping.rollback()
	}
}

func (e *signalExporter[D, R]) readHost(hosts *hostmetadata.Tx, r R) {
	if e.signal.host != nil {
		e.signal.host(hosts, r)
		return
	}
	hosts.Add(e.signal.attributes(r))
}

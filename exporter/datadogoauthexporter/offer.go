package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

var errTooLargeForQueue = errors.New("larger than the whole queue; see sending_queue::queue_size")

// offer hands one tenant's share to the queue, or what that does not take to the park: all of it, or on an error nothing, but for errInPart. An item that is larger
// than the whole queue is left out; the others go on.
func (e *signalExporter[D, R]) offer(ctx context.Context, tenant string, s *share[R]) error {
	e.room.learn(s.mapping.payloads(), s.items)
	if journal, ok := s.mapping.(journalling); ok {
		if err := journal.prepare(tenant, s.org); err != nil {
			return err
		}
	}
	s.requests, s.tooLarge = e.requests(tenant, s)
	d := e.dispatcher.Load()
	if err := d.Admit(s.requests...); err != nil {
		return err
	}
	for i, r := range s.requests {
		items := r.Count() // the queue may free it
		err := e.hand(ctx, r)
		switch {
		case err == nil:
			s.queued[r.Family] += items
			continue
		case i == 0:
			d.Withdraw(s.requests...)
			return err
		}
		return e.offerRest(s.requests[i:], err)
	}
	return nil
}

// errInPart is why a share is given back of which the queue has a part.
var errInPart = errors.New("a part of it is stored, the rest can be stored nowhere")

// offerRest finds a place for what the queue does not take after it took a part, which cannot be taken back: the park. Where that fails, too, the rest is in
// no file, so that the sender is to keep all of it; what was stored comes twice then.
func (e *signalExporter[D, R]) offerRest(rest []*intake.Request, why error) error {
	d := e.dispatcher.Load()
	d.Withdraw(rest...)
	if err := d.Park(why, rest...); err != nil {
		return fmt.Errorf("%w: %w; %w", errInPart, why, err)
	}
	return nil
}

// taken ends the mapping of a share that the queue, or the park, has, and counts it.
func (e *signalExporter[D, R]) taken(ctx context.Context, tenant string, s *share[R]) {
	s.mapping.commit()
	if s.hosts != nil {
		reports, drops := s.hosts.Commit()
		e.telemetry.diverted(intake.HostMetadata, reports, drops)
	}
	if journal, ok := s.mapping.(journalling); ok {
		journal.handOver(ctx, tenant)
	}
	own := s.items
	if m, ok := s.mapping.(diverter); ok {
		own -= m.diverted(e.telemetry.diverted)
	}
	e.telemetry.accepted(own)
	e.telemetry.mapped(&s.drops)
	for _, r := range s.tooLarge {
		e.telemetry.Dropped(r.Family, intake.ReasonTooLarge, r.Count())
	}
}

// requests are what a share became. What is larger than the whole queue is divided into quarters of it, and what still is comes apart.
func (e *signalExporter[D, R]) requests(tenant string, s *share[R]) (all, tooLarge []*intake.Request) {
	queue := e.cfg.Queue.Get()
	payloads := s.mapping.payloads()
	if s.hosts != nil {
		payloads = append(payloads, payload{intake.HostMetadata, s.hosts.Payload()})
	}
	all = make([]*intake.Request, 0, len(payloads))
	for _, p := range payloads {
		if len(p.Items) == 0 {
			continue
		}
		whole := intake.NewRequest(tenant, s.org, p.family, *p.Payload)
		whole.Compact() // more room may have been foreseen than was needed
		if fits(whole, queue) {
			all = append(all, whole)
			continue
		}
		for _, r := range whole.Divide(int(max(queue.QueueSize/4, 1)), queue.Sizer) {
			if fits(r, queue) {
				all = append(all, r)
			} else {
				tooLarge = append(tooLarge, r)
			}
		}
	}
	return all, tooLarge
}

// enqueue offers one request to exporterhelper, unless its tenant sends too much.
func (e *signalExporter[D, R]) enqueue(ctx context.Context, r *intake.Request) error {
	if !fits(r, e.cfg.Queue.Get()) {
		return errTooLargeForQueue
	}
	d := e.dispatcher.Load()
	if err := d.Admit(r); err != nil {
		return err
	}
	err := e.hand(ctx, r)
	if err != nil {
		d.Withdraw(r)
	}
	return err
}

// hand gives one request to exporterhelper. It counts as queued from before, since it may be settled at once.
func (e *signalExporter[D, R]) hand(ctx context.Context, r *intake.Request) error {
	if err := e.queue.trouble(); err != nil {
		return err
	}
	d, family, items := e.dispatcher.Load(), r.Family, r.Count()
	d.Enqueued(family, items)
	err := e.next.consume(context.WithValue(ctx, handoverKey{}, &handover{req: r}), e.empty)
	if err != nil {
		d.Enqueued(family, -items)
	}
	if err == nil && e.cfg.Queue.Get().StorageID != nil {
		r.Free() // the queue has its stored form
	}
	return err
}

// fits says that the queue can take r at all, when it is empty.
func fits(r *intake.Request, queue *exporterhelper.QueueBatchConfig) bool {
	switch queue.Sizer {
	case exporterhelper.RequestSizerTypeBytes:
		return int64(r.BytesSize()) <= queue.QueueSize
	case exporterhelper.RequestSizerTypeItems:
		return int64(r.ItemsCount()) <= queue.QueueSize
	default:
		return true
	}
}

// finalReason tells an error that no repetition heals, with the reason to count.
func finalReason(err error) (intake.Reason, bool) {
	switch {
	case errors.Is(err, credential.ErrUnknownTenant):
		return intake.ReasonUnknownTenant, true
	case errors.Is(err, credential.ErrNotConnected):
		return intake.ReasonNotConnected, true
	case errors.Is(err, credential.ErrDisconnected):
		return intake.ReasonDisconnected, true
	default:
		return 0, false
	}
}

package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// prober says how marked data of one signal is made. See credential.Prober.
type prober[R any] struct {
	kinds []credential.ProbeKind
	// marked is a resource with one item of a kind.
	marked func(credential.ProbeKind, probeMark) R
	// begin is signal.begin for an item of a kind, but without anything that is remembered once the mapping was rolled back. It is nil where
	// signal.begin is that.
	begin func(kind credential.ProbeKind, tenant, org string) mapping[R]
}

// probing ends what is under way when the exporter stops. The zero probing is ready.
type probing struct {
	mu      sync.Mutex // guards the rest
	offered func()     // ends that the holder of grants asks; nil where it does not
	ctx     context.Context
	cancel  context.CancelFunc
}

// offer makes the holder of grants ask p for marked data, if it wants any.
func (p *probing) offer(source credential.Source, by credential.Prober) {
	to, ok := source.(credential.Probes)
	if !ok {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.offered = to.AddProber(by)
}

// end comes before the exporter stops. It may come without offer, and twice.
func (p *probing) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.offered != nil {
		p.offered()
		p.cancel()
		p.offered = nil
	}
}

// until is ctx, but at most until end.
func (p *probing) until(ctx context.Context) (context.Context, context.CancelFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	if p.ctx == nil {
		return ctx, cancel
	}
	stop := context.AfterFunc(p.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

// ProbeKinds implements credential.Prober.
func (e *signalExporter[D, R]) ProbeKinds() []credential.ProbeKind {
	return slices.Clone(e.prober.kinds)
}

// Probe implements credential.Prober. A tenant that this exporter does not send for has nothing sent.
func (e *signalExporter[D, R]) Probe(ctx context.Context, p credential.Probe) []credential.ProbeWrite {
	if !e.resolver.Serves(p.Tenant) {
		return nil
	}
	var kinds []credential.ProbeKind
	for _, kind := range e.prober.kinds {
		if slices.Contains(p.Kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	writes := make([]credential.ProbeWrite, len(kinds))
	ctx, cancel := e.probing.until(ctx)
	defer cancel()
	var all sync.WaitGroup
	for i, kind := range kinds {
		all.Go(func() { writes[i] = e.probeOne(ctx, p, kind) })
	}
	all.Wait()
	return writes
}

// probeOne maps one item and sends it. It is in the books like any other: what no intake took is dropped as such.
func (e *signalExporter[D, R]) probeOne(ctx context.Context, p credential.Probe, kind credential.ProbeKind) credential.ProbeWrite {
	m := newMark(p.ID, e.cfg.Hostname)
	w := m.write(kind)
	if !e.calls.enter() {
		w.Err, w.Unjudged = errStopped, true
		return w
	}
	defer e.calls.leave()
	cred, err := e.source.Lookup(p.Tenant)
	if err != nil {
		w.Err, w.Unjudged = err, errors.Is(err, credential.ErrNotReady)
		return w
	}
	r, err := e.mapProbe(cred, kind, m)
	if err != nil {
		w.Err = err
		return w
	}
	w.Intake, w.Host = r.Family.String(), hostname(e.sending.Endpoints, cred.Site(), r.Family)
	w.Err = e.sendProbe(ctx, cred, r, &w)
	return w
}

// sendProbe sends r past the queue, and past the places and breakers of tenants: what comes back is about the item and nothing else.
func (e *signalExporter[D, R]) sendProbe(ctx context.Context, cred *credential.Credential, r *intake.Request, w *credential.ProbeWrite) error {
	watch := &probeObserver{telemetry: e.telemetry}
	set := e.sending
	set.Observer = watch
	err := intake.NewSender(set).Send(ctx, cred, r)
	var (
		unsent     *intake.Unsent
		unanswered *intake.Unanswered
	)
	switch {
	case errors.As(err, &unsent):
		w.Unjudged = unsent.Down || unsent.Busy || ctx.Err() != nil
		e.telemetry.Dropped(r.Family, intake.ReasonProbe, unsent.Left.Count())
		if unsent.Untried {
			w.Host = ""
		}
		return unsent.Err
	case consumererror.IsPermanent(err):
		w.Unjudged = errors.As(err, &unanswered)
		return errors.Unwrap(err)
	case err == nil && watch.rejected:
		return fmt.Errorf("send %s of tenant %s to %s: the intake took the body but rejected what is in it", r.Family, r.Tenant, cred.Site())
	}
	return err
}

// probeObserver counts what becomes of one item.
type probeObserver struct {
	*telemetry
	rejected bool
}

// Dropped implements intake.Observer.
func (o *probeObserver) Dropped(f intake.Family, why intake.Reason, items int) {
	o.rejected = true
	o.telemetry.Dropped(f, why, items)
}

// mapProbe makes the request of an item, and counts all that the mapping makes of it: of a kind that is kept as a log or a metric besides, that one is
// not sent, since it would pass for the other.
func (e *signalExporter[D, R]) mapProbe(cred *credential.Credential, kind credential.ProbeKind, m probeMark) (*intake.Request, error) {
	resource := e.prober.marked(kind, m)
	mapped := e.beginProbe(kind, cred.Tenant(), cred.OrgText())
	defer mapped.rollback()
	own := e.signal.count(resource)
	var drops, all intake.Drops
	mapped.add(resource, &drops)
	all = drops
	if d, ok := mapped.(diverter); ok {
		own -= d.diverted(func(f intake.Family, items int, of *intake.Drops) {
			e.telemetry.diverted(f, items, of)
			for why, n := range of {
				all[why] += n
			}
		})
	}
	e.telemetry.accepted(own)
	e.telemetry.mapped(&drops)
	var found *intake.Request
	for _, p := range mapped.payloads() {
		switch {
		case len(p.Items) == 0:
		case found == nil && isOf(kind, p.family):
			found = intake.NewRequest(cred.Tenant(), cred.OrgText(), p.family, *p.Payload)
		default:
			e.telemetry.Dropped(p.family, intake.ReasonProbe, p.Count())
		}
	}
	if found == nil {
		return nil, fmt.Errorf("the exporter's configuration leaves it out: %s", reasonsOf(&all))
	}
	return found, nil
}

func (e *signalExporter[D, R]) beginProbe(kind credential.ProbeKind, tenant, org string) mapping[R] {
	if e.prober.begin == nil {
		return e.signal.begin(tenant, org)
	}
	return e.prober.begin(kind, tenant, org)
}

// isOf says that an item of a kind goes to an intake.
func isOf(kind credential.ProbeKind, f intake.Family) bool {
	switch kind {
	case credential.ProbeEvent:
		return f == intake.Events
	case credential.ProbeServiceCheck:
		return f == intake.Checks
	case credential.ProbeDistribution:
		return f == intake.Sketches || f == intake.OTLPMetrics
	case credential.ProbeStats:
		return f == intake.Stats || f == intake.OTLPTraces // where Datadog makes them
	default:
		return f != intake.Events && f != intake.Checks && f != intake.Sketches && f != intake.Stats
	}
}

func reasonsOf(drops *intake.Drops) string {
	for why, n := range drops {
		if n > 0 {
			return intake.Reason(why).String()
		}
	}
	return "no reason is known"
}

package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// stopping is the bound of one exporter's stop.
type stopping struct {
	begun time.Time // zero before the stop
	by    time.Time
	told  sync.Once // what it took
}

// hangsAfter is how long after its time a stop may end: what it does at the end is no matter of a moment.
const hangsAfter = time.Second

// within ends a stop in time. What obeys no context is an operation of a disk that hangs; the stop goes on without it then. Who waits for the disk keeps what he
// has to write, since it may be written yet. The second time it does nothing.
func (c *core) within(ctx context.Context, stop func(context.Context) error) error {
	if !c.stopping.begun.IsZero() {
		return nil
	}
	now := time.Now()
	c.stopping.begun, c.stopping.by = now, now.Add(c.cfg.stops.share(c.cfg.ShutdownTimeout))
	ctx, cancel := context.WithDeadline(ctx, c.stopping.by)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- stop(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(hangsAfter):
		c.stopped()
		return fmt.Errorf("the stop of %s did not end within its part of shutdown_timeout, since sending_queue::storage does not answer; what is stored goes on with the next start", c.signal)
	}
}

// stopped tells the exporters of other signals how long this one took.
func (c *core) stopped() {
	if c.dispatcher.Load() != nil {
		c.stopping.told.Do(func() { c.cfg.stops.ended(time.Since(c.stopping.begun)) })
	}
}

// part is ctx until that part of the time that is left is over.
func (c *core) part(ctx context.Context, of int) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Until(c.stopping.by)/time.Duration(of))
}

// maxRest bounds the time that is kept for what comes after the sends were ended, a quarter of all: to write or count what is left.
const maxRest = 3 * time.Second

// stop ends what start began, within the time of ctx. next is exporterhelper's part, which drains the queue, and enqueue offers a request to it: what is
// parked in memory goes back to the queue, which tries it once more. Shortly before the time is up every send is ended. What is left then stays in the
// storage, or is counted as lost.
func (c *core) stop(ctx context.Context, next component.Component, enqueue func(context.Context, *intake.Request) error) error {
	c.status.stop()
	if c.unshow != nil {
		c.unshow()
	}
	c.cfg.sends.hidden(c)
	d := c.dispatcher.Load()
	if d != nil {
		left := time.Until(c.stopping.by)
		cut := time.AfterFunc(left-min(left/4, maxRest), func() {
			c.set.Logger.Warn("The time to stop is up: what is not sent by now stays in the queue's storage, and without one it is dropped, counted as shutdown; see shutdown_timeout")
			d.Cut()
		})
		defer cut.Stop()
		early, cancel := c.part(ctx, 4) // the queue needs time, too
		for _, r := range d.Stop(early) {
			if err := enqueue(early, r); err != nil {
				c.telemetry.Dropped(r.Family, intake.ReasonShutdown, r.Count())
			}
		}
		cancel()
	}
	err := c.shutdown(ctx, next, d, stuckAfter)
	if d != nil {
		err = errors.Join(err, d.Drain(ctx))
	}
	late := context.WithoutCancel(ctx) // a storage that is not closed cannot be opened again
	err = errors.Join(err, c.attempts.close(late), c.parking.Close(late))
	if c.client != nil {
		c.client.CloseIdleConnections()
	}
	c.telemetry.Shutdown()
	c.stopped()
	return err
}

// stuckAfter is how long exporterhelper may go on to stop when nothing is on its way any more.
const stuckAfter = 10 * time.Second

// shutdown stops exporterhelper's part. Its batcher (v0.160.0) can wait for itself for ever: it holds a lock until the batchers of all tenants have
// stopped, and one that was idle just then waits for the lock to sign off. It has nothing to send, so the stop goes on without it.
func (c *core) shutdown(ctx context.Context, next component.Component, d *tenancy.Dispatcher, stuckAfter time.Duration) error {
	if d == nil {
		return next.Shutdown(ctx)
	}
	done := make(chan error, 1)
	go func() { done <- next.Shutdown(ctx) }()
	look := time.NewTicker(stuckAfter)
	defer look.Stop()
	for sent := d.Pushes(); ; {
		select {
		case err := <-done:
			return err
		case <-ctx.Done():
			c.set.Logger.Warn("The collector's batcher does not end in time; the stop goes on without it", zap.Error(ctx.Err()))
			return nil
		case <-look.C:
		}
		pushes := d.Pushes()
		if pushes.Running == 0 && pushes == sent {
			c.set.Logger.Warn("The collector's batcher does not end; what it had is sent, so the stop goes on without it")
			return nil
		}
		sent = pushes
	}
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const (
	maxKills     = 150
	settleWithin = 40 * time.Second
)

// kills is what killing in a refresh and killing in a mint have in common: the aim, the moment, and what was hit.
type kills struct {
	*lab
	w        *world.World
	answered history.Filter // the calls that Datadog answered as it should
	hits     hits
	delay    delay
	made     int
}

// untilAllHit plays rounds, each aimed at the step that was hit least, until each was hit often enough or it gives up.
func (k *kills) untilAllHit(ctx context.Context, round func(ctx context.Context, aim step) error) error {
	for k.made < maxKills {
		aim, done := k.hits.rarest()
		if done {
			break
		}
		before := k.hits
		if err := round(ctx, aim); err != nil {
			return fmt.Errorf("kill %d, aimed at %q: %w", k.made, aim, err)
		}
		k.delay.learn(aim, before, k.hits)
	}
	return nil
}

// hold puts a fault into force that keeps calls at the step aimed at, where the stand-in can do that: sent finds the calls that are to
// hang once they were sent, unsent their connections. It returns the name of the fault, empty where there is none.
func (k *kills) hold(aim step, sent, unsent faults.Fault) (string, error) {
	var f faults.Fault
	switch aim {
	case stepBeforeCall:
		f = unsent
	case stepSent:
		f = sent
	default:
		return "", nil
	}
	f.ID, f.Host, f.Hang = fmt.Sprintf("kill %d", k.made), apiHost, true
	_, err := k.w.Standin.Faults().Add(f)
	return f.ID, err
}

// await returns at the moment to kill: n calls are held, or were answered besides those that were before, or one caller has heard.
func (k *kills) await(ctx context.Context, aim step, held string, answeredBefore, n int, heard <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	switch aim {
	case stepBeforeCall, stepSent:
		if err := k.w.Standin.Faults().Await(ctx, held, n); err != nil {
			return err
		}
		return pause(ctx, k.within(10*time.Millisecond))
	case stepAcknowledged:
		select {
		case <-heard:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("nobody heard of an end: %w", ctx.Err())
		}
	default:
		if _, err := k.w.Standin.History().Await(ctx, answeredBefore+n, k.answered); err != nil {
			return err
		}
		return pause(ctx, k.within(k.delay.after(aim)))
	}
}

func (k *kills) kill() {
	k.w.Collector.Kill()
	k.made++
}

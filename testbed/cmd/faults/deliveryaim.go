package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
)

// held is the fault that keeps a request where a kill is to find it.
const held = "held"

// await returns at the moment to kill.
func (k *deliveryKills) await(ctx context.Context, aim phase, calls *sync.WaitGroup) error {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	well := wellA
	if k.rand.IntN(2) == 0 {
		well = wellB
	}
	arrived := len(k.arrivals.Bodies(0))
	switch aim {
	case phaseBeforeAck:
		before := k.client.Written()
		k.burst(ctx, calls, well, 4)
		if err := k.client.AwaitWritten(ctx, before+1+k.rand.Int64N(3)); err != nil {
			return err
		}
		return pause(ctx, k.within(time.Millisecond))
	case phaseInFlight:
		// Half of them hang before the intake takes anything, half after: the collector cannot know.
		before := k.rand.IntN(2) == 0
		if err := k.fault(held, well, faults.Fault{Hang: before, Withhold: !before}); err != nil {
			return err
		}
		if err := k.w.Standin.Faults().Await(ctx, held, 1+k.rand.IntN(3)); err != nil {
			return err
		}
		return pause(ctx, k.within(10*time.Millisecond))
	case phaseAnswered:
		k.burst(ctx, calls, well, 4)
		if _, err := k.arrivals.AwaitBody(ctx, arrived, func(b delivery.Body) bool { return k.tenantOfKey(b.Key) == well }); err != nil {
			return err
		}
		return pause(ctx, k.within(3*time.Millisecond))
	case phaseParking:
		k.burst(ctx, calls, k.held[k.rand.IntN(len(k.held))], 6)
		for _, tenant := range k.crowd {
			k.burst(ctx, calls, tenant, 1)
		}
		if err := k.awaitParked(ctx); err != nil {
			return err
		}
		return pause(ctx, k.within(2*time.Millisecond))
	default:
		if err := k.awaitParking(ctx); err != nil {
			return err
		}
		withhold := k.rand.IntN(2) == 0
		if withhold {
			if err := k.fault(held, refusing, faults.Fault{Withhold: true}); err != nil {
				return err
			}
		}
		k.w.Standin.Faults().Remove(refusing)
		if _, err := k.arrivals.AwaitBody(ctx, arrived, func(b delivery.Body) bool { return k.tenantOfKey(b.Key) == refusing }); err != nil {
			return err
		}
		return pause(ctx, k.within(2*time.Millisecond))
	}
}

// awaitParked waits until the collector has parked something.
func (k *deliveryKills) awaitParked(ctx context.Context) error {
	before, err := k.scrape(ctx)
	if err != nil {
		return err
	}
	for {
		now, err := k.scrape(ctx)
		if err != nil || now.Sum("parked_items") > before.Sum("parked_items") {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("nothing was parked: %w", err)
		}
	}
}

// awaitParking waits until there is something in the park.
func (k *deliveryKills) awaitParking(ctx context.Context) error {
	return eventually(ctx, settleWithin, func() error {
		now, err := k.scrape(ctx)
		if err == nil && now.Sum("parking_items") == 0 {
			err = errors.New("nothing is parked")
		}
		return err
	})
}

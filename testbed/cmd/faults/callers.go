package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

const callersOfOne = 1000

// manyCallers needs one expired token a thousand times at once.
func manyCallers(ctx context.Context, l *lab) error {
	return l.inWorld(ctx, world.Options{Setup: &world.Setup{BearerLogs: true}}, func(w *world.World) error {
		if err := errors.Join(w.AcceptBearerLogs(), accessTokenLife(w, 2*time.Second)); err != nil {
			return err
		}
		cs, err := customers(w, 1, 1)
		if err != nil {
			return err
		}
		if err := w.StartCollector(ctx); err != nil {
			return err
		}
		if err := w.Connect(ctx, cs[0]); err != nil {
			return err
		}
		if err := errors.Join(pause(ctx, 3*time.Second), accessTokenLife(w, time.Hour)); err != nil {
			return err
		}
		before, begin := lastSeq(w), time.Now()
		err = each(ctx, callersOfOne, callersOfOne, func(int) error { return w.SendLog(ctx, cs[0].Tenant, "needs a token") })
		calls := refreshCalls(w, before)
		l.printf("%d callers of one expired grant, %d token calls, all answered in %s", callersOfOne, len(calls), time.Since(begin).Round(time.Millisecond))
		if len(calls) != 1 {
			err = errors.Join(err, fmt.Errorf("%d token calls, 1 is right", len(calls)))
		}
		return err
	})
}

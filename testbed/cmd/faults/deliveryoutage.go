package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
)

// outage breaks one site for much longer than retries last, while data for it and for another one goes on to come: nothing is lost, nothing comes
// twice, and the other site notices nothing.
func outage(ctx context.Context, l *lab) error {
	long := time.Minute
	if l.short {
		long = 6 * time.Second
	}
	const near, far = "near", "far"
	return l.inDeliveries(ctx, []string{near, far}, nil, func(d *deliveries) error {
		site := d.customer(far).Org.Site
		ways := []faults.Fault{
			{ID: "unavailable", Site: site, Method: http.MethodPost, Status: http.StatusServiceUnavailable},
			{ID: "reset", Site: site, Method: http.MethodPost, Reset: true},
			{ID: "no answer", Site: site, Method: http.MethodPost, Hang: true},
		}
		stop := d.load(ctx)
		down := func() error {
			for _, f := range ways {
				if _, err := d.w.Standin.Faults().Add(f); err != nil {
					return err
				}
				if err := pause(ctx, long/time.Duration(len(ways))); err != nil {
					return err
				}
				if f, _ := d.w.Standin.Faults().Remove(f.ID); f.Applied == 0 {
					return fmt.Errorf("fault %q hit nothing", f.ID)
				}
				if err := d.arrive(ctx, 5*time.Second, near); err != nil {
					return fmt.Errorf("the other site's data does not go on while one is down (%s): %w", f.ID, err)
				}
			}
			return nil
		}
		err := errors.Join(pause(ctx, time.Second), down())
		figures, scrapeErr := d.scrape(ctx)
		if err := errors.Join(err, scrapeErr, stop()); err != nil {
			return err
		}
		parked := figures.Sum("parking_items")
		if err := errors.Join(d.arrive(ctx, arriveWithin), d.awaitTotals(ctx, arriveWithin)); err != nil {
			return err
		}
		d.printf("site down for %s, retries end after %s: %d items acknowledged, %d of them parked at the end, all arrived once", long, retriesEnd, len(d.owed()), parked)
		if parked == 0 {
			err = errors.New("nothing was parked, so nothing was shown")
		}
		return errors.Join(err, d.once(), d.crossed(), d.balanced(ctx, nil))
	})
}

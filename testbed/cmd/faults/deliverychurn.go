package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// keyJudgedAfter is how long a key must be there before the collector believes a refusal of it.
const keyJudgedAfter = 61 * time.Second

// churn has customers connect, lose and replace their keys, consent again and leave, while data of all of them flows through one process. Who stays
// loses nothing and is refused nothing; of who leaves, all is counted.
func churn(ctx context.Context, l *lab) error {
	rotations := 3
	if l.short {
		rotations = 1
	}
	const steady, rotating, consenting, leaving = "steady", "rotating", "consenting", "leaving"
	change := func(o *world.Options) {
		// So that the key of who left can be deleted, and another made when they come again.
		o.Scopes = []string{"api_keys_write", "api_keys_read", "api_keys_delete", "timeseries_query", "logs_read_data", "apm_read"}
	}
	return l.inDeliveries(ctx, []string{steady, rotating, consenting, leaving}, change, func(d *deliveries) error {
		c := &churning{deliveries: d, stay: []string{steady, rotating, consenting}, minted: time.Now()}
		pid := d.w.Collector.PID()
		stop := d.load(ctx, c.stay...)
		var err error
		turns := 0
		for ; c.rotated < rotations && err == nil; turns++ {
			if err = c.turn(ctx, turns, rotating, consenting, leaving); err != nil {
				err = fmt.Errorf("turn %d: %w", turns, err)
			}
		}
		if err := errors.Join(err, stop()); err != nil {
			return err
		}
		if err := d.arrive(ctx, arriveWithin, c.stay...); err != nil {
			return err
		}
		if d.w.Collector.PID() != pid {
			return errors.New("the collector was restarted")
		}
		return c.judge(ctx, turns, leaving)
	})
}

type churning struct {
	*deliveries
	stay    []string
	minted  time.Time // when the key that is replaced was made
	rotated int
}

// turn has one customer connect, one leave and come again, one consent again, and where it is time, one key be revoked and replaced.
func (c *churning) turn(ctx context.Context, n int, rotating, consenting, leaving string) error {
	name := fmt.Sprintf("new-%d", n)
	if err := c.newcomer(ctx, name); err != nil {
		return err
	}
	c.stay = append(c.stay, name)
	stopNew, stopLeaving := c.load(ctx, name), c.load(ctx, leaving)
	due := time.Since(c.minted) > keyJudgedAfter
	if due && c.w.Standin.OAuth().RevokeKeys(c.customer(rotating).Org.OrgRef, "") == 0 {
		return errors.New("no key to revoke")
	}
	err := errors.Join(pause(ctx, 2*time.Second+c.within(2*time.Second)), c.w.Connect(ctx, c.customer(consenting)))
	if due {
		err = errors.Join(err, mintAgain(ctx, c.w.Node, rotating))
		c.minted = time.Now()
		c.rotated++
	}
	// Its data is on the way when it leaves.
	err = errors.Join(err, stopLeaving(), disconnect(ctx, c.w.Node, leaving))
	if o, _ := c.client.Send(ctx, leaving, load.Logs, 1); o != delivery.Refused {
		err = errors.Join(err, fmt.Errorf("data of a tenant that left was not refused, its outcome is %d", o))
	}
	return errors.Join(err, stopNew(), eventually(ctx, 10*time.Second, func() error { return c.w.Connect(ctx, c.customer(leaving)) }))
}

func (c *churning) judge(ctx context.Context, turns int, leaving string) error {
	gone := len(c.arrivals.Missing(c.owed(leaving)))
	untaken := len(c.client.IDs(func(it delivery.Item) bool {
		return slices.Contains(c.stay, it.Tenant) && it.Outcome != delivery.Acknowledged
	}))
	c.printf("%d customers connected, %d consented again, %d left, %d keys revoked and replaced; %d items acknowledged, of those who left %d dropped and counted",
		turns, turns, turns, c.rotated, len(c.owed()), gone)
	var errs []error
	if retried := c.client.Retried.Load(); untaken > 0 || retried > 0 {
		errs = append(errs, fmt.Errorf("%d items of tenants who stayed were not taken, %d calls were refused for now; 0 are right", untaken, retried))
	}
	return errors.Join(append(errs, c.once(c.stay...), c.crossed(), c.balanced(ctx, map[string]int{"disconnected": gone}))...)
}

// newcomer connects one more customer.
func (c *churning) newcomer(ctx context.Context, name string) error {
	org, err := c.w.Standin.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "uk1.datadoghq.com"}, Name: name + " Inc."})
	if err != nil {
		return err
	}
	customer := world.Customer{Tenant: name, Org: org}
	if err := c.w.Connect(ctx, customer); err != nil {
		return err
	}
	c.w.Customers = append(c.w.Customers, customer)
	c.counters = append(c.counters, c.client.NewCounter(name, time.Now().Add(-20*time.Minute)))
	return nil
}

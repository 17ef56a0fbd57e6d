package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// up leaves the same world running. No customer is connected: that is for the person to click.
func up(ctx context.Context, o options, stdout io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "datadogoauth-up-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintln(stdout, "up: starting the stand-in for Datadog and the collector")
	w, err := world.Start(ctx, world.Options{Collector: o.Collector, Ctl: o.Ctl, Config: o.config, Dir: dir, Tenants: tenants})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()

	fmt.Fprintf(stdout, `
status page   %s/   user: demo, password: the content of %s/admin-token
OTLP (gRPC)   %s, with the header %s: TENANT
stand-in      control API %s

The pages of "Datadog" are behind the stand-in's proxy. A browser that sees them, with a profile of its own:

  chromium --user-data-dir=%s/chromium --proxy-server=%s --proxy-bypass-list="localhost;127.0.0.1" --ignore-certificate-errors

Connect links, good for an hour:
`, w.AdminURL, dir, w.OTLP, world.TenantHeader, w.Standin.ControlURL(), dir, w.Standin.ProxyURL().Host)
	for _, c := range w.Customers {
		link, err := w.Invite(ctx, c.Tenant)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "  %-8s  %s   (choose %q on %s)\n", c.Tenant, link, c.Org.Name, c.Org.Site)
	}
	fmt.Fprintln(stdout, "\nCtrl-C ends all of it.")
	select {
	case <-ctx.Done():
		return nil
	case <-w.Collector.Done():
		return fmt.Errorf("the collector ended:\n%s", w.Log.Tail(15))
	}
}

package main

import (
	"context"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// compare sends the same load to the three collectors in turn. Who begins changes from round to round.
func (l *lab) compare(ctx context.Context, s load.Signal) (*Comparison, error) {
	ld, err := load.Build(l.mix, s, l.items/l.requestItems, l.requestItems, 1)
	if err != nil {
		return nil, err
	}
	var arms []*arm
	for _, name := range []string{nop, otlpHTTP, datadogOAuth} {
		n := l.nodes[name]
		arms = append(arms, &arm{name: name, node: n, url: n.OTLPHTTP, rate: l.rate, tenant: func(int) string { return single }})
	}
	runs, err := l.interleave(ctx, ld, arms, l.runs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	return &Comparison{Signal: s, BytesPerItem: float64(ld.Bytes) / float64(ld.Requests*ld.Items), Arms: runs}, nil
}

// tenantsOf sends requests of equal size for one tenant and for many, each request out at once and then in the default batches.
func (l *lab) tenantsOf(ctx context.Context, s load.Signal) (*TenantComparison, error) {
	ld, err := load.Build(l.mix, s, l.tenants, l.tenantItems, 2) // series of its own
	if err != nil {
		return nil, err
	}
	n := l.nodes[datadogOAuth]
	one := func(int) string { return single }
	direct := []*arm{
		{name: "1 tenant", node: n, url: "http://" + n.OTLP, rate: l.rate, tenant: one},
		{name: fmt.Sprintf("%d tenants", l.tenants), node: n, url: "http://" + n.OTLP, rate: l.rate, tenant: many},
	}
	batched := []*arm{
		{name: "1 tenant, batches", node: n, url: n.OTLPHTTP, rate: l.rate, tenant: one},
		{name: fmt.Sprintf("%d tenants, batches", l.tenants), node: n, url: n.OTLPHTTP, rate: l.rate, tenant: many},
	}
	t := &TenantComparison{Signal: s}
	if t.Direct, err = l.interleave(ctx, ld, direct, min(l.runs, directRuns)); err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	if t.Batched, err = l.interleave(ctx, ld, batched, min(l.runs, batchedRuns)); err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	return t, nil
}

// Runs with many tenants take longer. Those in batches are for figures that are only reported.
const directRuns, batchedRuns = 5, 2

// interleave does runs rounds of each arm, after one that warms it.
func (l *lab) interleave(ctx context.Context, ld *load.Load, arms []*arm, runs int) ([]ArmRuns, error) {
	all := make([]ArmRuns, len(arms))
	for i, a := range arms {
		all[i].Name = a.name
		if _, err := l.round(ctx, ld, a); err != nil {
			return nil, fmt.Errorf("warming up: %w", err)
		}
	}
	for n := range runs {
		for i := range arms {
			at := (i + n) % len(arms)
			r, err := l.round(ctx, ld, arms[at])
			if err != nil {
				return nil, fmt.Errorf("run %d: %w", n+1, err)
			}
			all[at].Runs = append(all[at].Runs, r)
		}
	}
	return all, nil
}

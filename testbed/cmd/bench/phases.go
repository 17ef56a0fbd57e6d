package main

import (
	"context"
	"fmt"
	"slices"

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

// requestsOfATenant are those of one run. Spans take longer than a bucket of their stats, so that a tenant's buckets fill as they do while data
// flows, and not with one request each.
var requestsOfATenant = map[load.Signal]int{load.Metrics: 1, load.Logs: 1, load.Traces: 3}

// alone begins a comparison of one tenant with many: what the one costs while there is no other. Each request goes out at once.
func (l *lab) alone(ctx context.Context, s load.Signal) (*TenantComparison, error) {
	ld, err := load.Build(l.mix, s, l.tenants*requestsOfATenant[s], l.tenantItems, 2) // series of its own
	if err != nil {
		return nil, err
	}
	n := l.nodes[datadogOAuth]
	t := &TenantComparison{Signal: s, load: ld, one: &arm{name: "1 tenant", node: n, url: "http://" + n.OTLP, rate: l.rate, tenant: func(int) string { return single }}}
	runs, err := l.interleave(ctx, ld, []*arm{t.one}, l.runs)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s, err)
	}
	t.Alone = runs[0]
	t.Alone.Name += ", no other there"
	return t, nil
}

// amongMany sends the same for one tenant and for many, all connected: each request out at once and then in the default batches.
func (l *lab) amongMany(ctx context.Context, t *TenantComparison) (err error) {
	n := t.one.node
	inTurn := func(i int) string { return many(i % l.tenants) }
	direct := []*arm{t.one, {name: fmt.Sprintf("%d tenants", l.tenants), node: n, url: t.one.url, rate: l.rate, tenant: inTurn}}
	batched := []*arm{
		{name: "1 tenant, batches", node: n, url: n.OTLPHTTP, rate: l.rate, tenant: t.one.tenant},
		{name: fmt.Sprintf("%d tenants, batches", l.tenants), node: n, url: n.OTLPHTTP, rate: l.rate, tenant: inTurn},
	}
	if t.Direct, err = l.interleave(ctx, t.load, direct, l.runs); err == nil {
		err = equalRequests(slices.Concat([]ArmRuns{t.Alone}, t.Direct))
	}
	if err == nil {
		t.Batched, err = l.interleave(ctx, t.load, batched, min(l.runs, batchedRuns))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", t.Signal, err)
	}
	return nil
}

// batchedRuns is less than elsewhere: they take longest, and their figures are only reported.
const batchedRuns = 3

// equalRequests says which run sent its items in another number of requests than the first. The cost of an item depends on that number.
func equalRequests(arms []ArmRuns) error {
	want := sizeOf(arms[0].Runs[0])
	for _, a := range arms {
		for i, r := range a.Runs {
			if got := sizeOf(r); got != want {
				return fmt.Errorf("%s: run %d has %.2f items per request, run 1 of %s has %.2f", a.Name, i+1, got, arms[0].Name, want)
			}
		}
	}
	return nil
}

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

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/proc"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/sink"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// arm is one of the things that are compared.
type arm struct {
	name   string
	node   *world.Node
	url    string // of the receiver
	rate   int
	tenant func(i int) string
	rounds uint64 // that were sent
	sent   int64  // Unix second of the end of the last one
}

// Run is one round of a load.
type Run struct {
	Items      int     `json:"items"`
	CPUSeconds float64 `json:"cpu_seconds"`
	Requests   int     `json:"requests"`        // that the sink got
	Stats      int     `json:"stats_requests"`  // those of them with APM stats, and no items
	Bytes      int64   `json:"bytes"`           // of the bodies of all
	Latency    float64 `json:"latency_seconds"` // from when an item was due to the sink, mean over all
	P50        float64 `json:"p50_seconds"`     // the same, of the item in the middle
	P99        float64 `json:"p99_seconds"`     // the same, of the item that 99 of 100 are faster than
	Refused    int     `json:"refused"`         // requests that the receiver had refused at first
	Took       float64 `json:"took_seconds"`    // sending alone
	Rate       float64 `json:"reached_rate"`    // items a second
	OffRate    bool    `json:"off_rate"`        // Rate is too far behind the one asked for
	// Encodings are those of the bodies, sorted; "none" where a body went as it is.
	Encodings []string `json:"encodings"`
}

// maxOffRate is by how much the rate of a run may stay behind the one asked for.
const maxOffRate = 0.05

// within is how long what was sent may be under way.
const within = time.Minute

// round sends a load once through a collector and waits until all of it is in the sink. The CPU time is that of the collector's process from
// the first request until then. The first round of an arm starts its series and warms it; it is not to be reported.
func (l *lab) round(ctx context.Context, ld *load.Load, a *arm) (Run, error) {
	before := l.sink.Counts(a.node.Name)
	pid := a.node.Collector.PID()
	used, err := proc.CPUTime(pid)
	if err != nil {
		return Run{}, err
	}
	perRequest := ld.Items
	if a.node == l.nodes[datadogOAuth] && a.rounds == 0 {
		perRequest -= ld.First
	}
	// A count of which its series has one in the same second already moves to the next one, so that its mark is another's.
	for ld.Signal == load.Metrics && time.Now().Unix() <= a.sent {
		time.Sleep(10 * time.Millisecond)
	}
	ledger := &load.Ledger{}
	l.sink.Watch(ledger.Arrived)
	defer l.sink.Watch(nil)
	begin := time.Now()
	sent, err := ld.Send(ctx, load.Plan{URL: a.url, Header: world.TenantHeader, Rate: a.rate, Tenant: a.tenant, Round: a.rounds, Ledger: ledger, Expected: perRequest})
	if err != nil {
		return Run{}, fmt.Errorf("%s: %w\n%s", a.name, err, a.node.Log.Tail(10))
	}
	a.rounds++
	a.sent = time.Now().Unix()
	if a.node != l.nodes[nop] {
		if err := l.await(ctx, ld, a.node, perRequest*ld.Requests); err != nil {
			return Run{}, fmt.Errorf("%s: %w\n%s", a.name, err, a.node.Log.Tail(10))
		}
	}
	end, err := proc.CPUTime(pid)
	if err != nil {
		return Run{}, err
	}
	r := Run{Items: sent.Items, CPUSeconds: (end - used).Seconds(), Refused: sent.Refused, Took: sent.Took.Seconds(), Rate: sent.Rate}
	r.OffRate = r.Rate < float64(a.rate)*(1-maxOffRate)
	if a.node == l.nodes[nop] {
		return r, nil
	}
	more := since(before, l.sink.Counts(a.node.Name))
	mean := r.count(more)
	r.Latency = mean - sent.Sum/float64(sent.Items)
	if t := ledger.Group(0); t.Arrived != t.Due || t.Extra > 0 || ledger.Strange() > 0 {
		return r, fmt.Errorf("%s: by its marks %d items of %d arrived, %d too many, %d of another round", a.name, t.Arrived, t.Due, t.Extra, ledger.Strange())
	}
	q := ledger.Quantiles(0, begin, .5, .99)
	r.P50, r.P99 = q[0].Seconds(), q[1].Seconds()
	if a.node == l.nodes[datadogOAuth] {
		err = l.verifyTenants(more, ld, a, perRequest)
	}
	return r, err
}

// await waits for what a collector has been sent, APM stats included.
func (l *lab) await(ctx context.Context, ld *load.Load, n *world.Node, items int) error {
	l.expected[n] += items
	if ld.Signal == load.Traces && n == l.nodes[datadogOAuth] {
		l.spans[n] += items
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return l.sink.Await(ctx, n.Name, l.expected[n], l.spans[n])
}

// since is what arrived between two counts.
func since(before, after map[sink.From]sink.Counts) map[sink.From]sink.Counts {
	all := map[sink.From]sink.Counts{}
	for from, c := range after {
		if more := c.Sub(before[from]); more.Requests > 0 {
			all[from] = more
		}
	}
	return all
}

// count adds up what arrived, and returns the mean over all items of the Unix time, in seconds, at which they did.
func (r *Run) count(arrived map[sink.From]sink.Counts) float64 {
	var total sink.Counts
	for from, c := range arrived {
		total.Add(c)
		if c.Items == 0 && c.Hits > 0 {
			r.Stats += c.Requests
		}
		if encoding := cmp.Or(from.Encoding, "none"); !slices.Contains(r.Encodings, encoding) {
			r.Encodings = append(r.Encodings, encoding)
		}
	}
	slices.Sort(r.Encodings)
	r.Requests, r.Bytes = total.Requests, total.Bytes
	return total.Sum / float64(total.Items)
}

// verifyTenants compares what arrived under each tenant's key with what was sent for it.
func (l *lab) verifyTenants(arrived map[sink.From]sink.Counts, ld *load.Load, a *arm, perRequest int) error {
	missing := map[string]int{}
	for i := range ld.Requests {
		missing[a.tenant(i)] += perRequest
	}
	for from, c := range arrived {
		org, _ := l.world.Standin.OAuth().KeyOwner(from.Key)
		missing[l.orgs[org.ID]] -= c.Items
	}
	var errs []error
	for tenant, n := range missing {
		if n != 0 && len(errs) < 5 {
			errs = append(errs, fmt.Errorf("%s: tenant %q: %d items did not arrive (below zero: too many)", a.name, tenant, n))
		}
	}
	return errors.Join(errs...)
}

// verify compares all that arrived with all that was sent, after everything: what came late or twice shows here.
func (l *lab) verify() error {
	var errs []error
	for name, n := range l.nodes {
		if total := l.sink.Total(n.Name); total.Items != l.expected[n] || total.Hits != l.spans[n] {
			errs = append(errs, fmt.Errorf("%s: %d items and %d hits of APM stats arrived, expected were %d and %d", name, total.Items, total.Hits, l.expected[n], l.spans[n]))
		}
	}
	return errors.Join(append(errs, l.sink.Err())...)
}

// protocols are those that each collector spoke to the sink, as the stand-in's history tells.
func (l *lab) protocols() map[string][]string {
	spoken := map[string][]string{}
	for _, e := range l.world.Standin.History().List(history.Filter{}) {
		for name, n := range l.nodes {
			if e.Via == n.Name && e.Method == "POST" && !slices.Contains(spoken[name], e.Proto) {
				spoken[name] = append(spoken[name], e.Proto)
			}
		}
	}
	return spoken
}

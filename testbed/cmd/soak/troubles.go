package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// trouble is a fault that comes and goes once in each cycle, every time for another tenant or site.
type trouble struct {
	name string
	// whole says that it befalls a site.
	whole bool
	// revoked says that the tenant's key is revoked besides, and that the tenant consents once more at the end.
	revoked bool
	// drops is the reason for which items may be lost to it; none but these are.
	drops string
	fault faults.Fault
}

// The reasons for which the collector may drop an item here, besides the first points of cumulative series. All others mean that something is lost.
const (
	tooLarge      = "too_large"      // one item alone was answered with 413
	intakeRefused = "intake_refused" // so much waits for an intake that refuses a good key that the oldest has to go
)

func refusal(status int) faults.Fault {
	return faults.Fault{Status: status, Headers: map[string]string{"Content-Type": "application/json"}, Body: `{"errors":["soak"]}`}
}

var troubles = []trouble{
	{name: "hang", fault: faults.Fault{Hang: true}},
	{name: "stream reset", fault: faults.Fault{Abort: true}},
	{name: "site slow", whole: true, fault: faults.Fault{LatencyMS: 300}},
	{name: "answer lost", fault: faults.Fault{Lose: true}},
	{name: "429", fault: faults.RateLimited(3)},
	{name: "site 503", whole: true, fault: refusal(503)},
	{name: "403, key valid", drops: intakeRefused, fault: refusal(403)},
	{name: "413", drops: tooLarge, fault: refusal(413)},
	{name: "site resets", whole: true, fault: faults.Fault{Reset: true}},
	{name: "500", fault: refusal(500)},
	{name: "key revoked", revoked: true, fault: refusal(403)},
}

// sites are where tenants live, in turn. The first has no trouble of its own.
var sites = []string{"datadoghq.com", "us3.datadoghq.com", "us5.datadoghq.com", "datadoghq.eu", "ap1.datadoghq.com", "ap2.datadoghq.com"}

func site(tenant int) string { return sites[tenant%len(sites)] }

// The groups of tenants, in the ledger: those whose site never has trouble, which have none either, those that an intake refuses at some time though their
// key is good, and the others.
const (
	healthy = iota
	troubled
	refused
)

func (o *options) group(tenant int) int {
	if tenant%len(sites) == 0 {
		return healthy
	}
	for c := range o.cycles {
		for k, t := range troubles {
			if t.drops == intakeRefused && o.victim(k+c*len(troubles)) == tenant {
				return refused
			}
		}
	}
	return troubled
}

// groups is group, of a table.
func (o *options) groups() func(tenant int) int {
	table := make([]int, o.tenants)
	for i := range table {
		table[i] = o.group(i)
	}
	return func(tenant int) int { return table[tenant] }
}

// victim is the n-th tenant that is befallen.
func (o *options) victim(n int) int {
	others := len(sites) - 1
	n %= o.tenants / len(sites) * others
	return n/others*len(sites) + 1 + n%others
}

// intakes are the paths that signals go to.
var intakes = []string{"/api/v2/series", "/api/beta/sketches", "/api/v2/logs", "/api/v0.2/traces", "/api/v0.2/stats"}

// tooYoung is until when the collector takes no refusal of a new key for a judgement, and keeps it: a minute, and some time to be on the safe side.
const tooYoung = 65 * time.Second

// refusedProbe is how long the collector leaves an intake alone that refused a good key. One who knows that the trouble is over pauses and resumes the
// tenant to have it tried at once, and so does whoever cannot wait so long for the end of the run.
const refusedProbe = 5 * time.Minute

// begin puts trouble number k of a cycle into force.
func (l *lab) begin(k, cycle int) error {
	t := troubles[k]
	org := l.fleet.Orgs[l.victim(k+cycle*len(troubles))].OrgRef
	key := ""
	l.young = false
	if t.revoked {
		keys := l.fleet.World.Standin.OAuth()
		all := keys.Keys()
		i := slices.IndexFunc(all, func(k oauth.KeyInfo) bool { return k.Org == org.ID })
		if i < 0 || keys.RevokeKeys(org, "") == 0 {
			return fmt.Errorf("cycle %d: there is no key to revoke", cycle+1)
		}
		key, l.young = all[i].SHA256, time.Since(all[i].Created) < tooYoung // nobody owns it any more
	}
	for i, path := range intakes {
		f := t.fault
		f.ID, f.Path = fmt.Sprintf("%s/%d/%d", t.name, cycle, i), path
		switch {
		case t.whole:
			f.Site = sites[1+(k+cycle)%(len(sites)-1)]
		case t.revoked:
			f.KeySHA256 = key
		default:
			f.Org = org.ID
		}
		if _, err := l.fleet.World.Standin.Faults().Add(f); err != nil {
			return err
		}
	}
	return nil
}

// end takes it back. It is an error when it befell nobody.
func (l *lab) end(ctx context.Context, k, cycle int) error {
	t, set, applied := troubles[k], l.fleet.World.Standin.Faults(), 0
	for _, f := range set.List() {
		if strings.HasPrefix(f.ID, fmt.Sprintf("%s/%d/", t.name, cycle)) {
			f, _ = set.Remove(f.ID)
			applied += f.Applied
			l.report.hit(t.drops, signalOf(f.Path), f.Applied)
		}
	}
	l.report.Applied[t.name] += applied
	var err error
	tenant := l.victim(k + cycle*len(troubles))
	if t.drops == intakeRefused && time.Until(l.ends) < refusedProbe {
		err = l.fleet.Nudge(ctx, tenant)
	}
	if t.revoked {
		err = l.fleet.Reconnect(ctx, tenant)
		if !l.young && !slices.ContainsFunc(l.fleet.World.Standin.OAuth().Keys(), func(k oauth.KeyInfo) bool { return k.Org == l.fleet.Orgs[tenant].ID }) {
			err = errors.Join(err, fmt.Errorf("cycle %d: tenant %d consented once more and has no key", cycle+1, tenant))
		}
	}
	if applied == 0 {
		err = errors.Join(err, fmt.Errorf("cycle %d: trouble %q befell no request", cycle+1, t.name))
	}
	return err
}

// event is the begin or the end of a trouble, at a time after the begin of a cycle.
type event struct {
	at    time.Duration
	k     int
	begin bool
}

// calm is the time without trouble at the begin and at the end.
func (o *options) calm() time.Duration { return min(o.time/10, 10*time.Second) }

// cycle is how long a turn of all troubles is, place how long after one the next begins, and onFor how long each is on, so that neighbours overlap.
// The last tenth of a cycle has none.
func (o *options) cycle() time.Duration {
	return (o.time - 2*o.calm()) / time.Duration(max(o.cycles, 1))
}
func (o *options) place() time.Duration { return o.cycle() * 9 / 10 / time.Duration(len(troubles)+1) }
func (o *options) onFor() time.Duration { return o.place() * 3 / 2 }

// timetable is that of one cycle.
func (o *options) timetable() (all []event) {
	for k := range troubles {
		on := o.place() * time.Duration(k)
		all = append(all, event{on, k, true}, event{on + o.onFor(), k, false})
	}
	slices.SortStableFunc(all, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	return all
}

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// kind is one way in which tenants cannot take their data.
type kind struct {
	name string
	// site is where these tenants live, and nobody else; empty is among the healthy ones.
	site string
	// faults befall a tenant's organisation, or what stands for its site.
	faults func(org string) []faults.Fault
}

// intakes are the paths that the signals of the load go to. A key is validated elsewhere.
var intakes = []string{"/api/v2/series", "/api/beta/sketches", "/api/v2/logs", "/api/v0.2/traces", "/api/v0.2/stats"}

// everywhere befalls all that a tenant asks of Datadog.
func everywhere(f faults.Fault) func(string) []faults.Fault {
	return func(org string) []faults.Fault { f.Org = org; return []faults.Fault{f} }
}

// atIntakes befalls what a tenant sends, and leaves its key valid.
func atIntakes(f faults.Fault) func(string) []faults.Fault {
	return func(org string) (all []faults.Fault) {
		for _, path := range intakes {
			f.Org, f.Path = org, path
			all = append(all, f)
		}
		return all
	}
}

func refusal(status int) faults.Fault {
	return faults.Fault{Status: status, Headers: map[string]string{"Content-Type": "application/json"}, Body: `{"errors":["poisoned"]}`}
}

// kinds are all of them. The last two take a whole site with them, so they have sites of their own: whoever lives on a site that is down cannot be
// healthy, and a reset breaks the connection of everybody who shares it.
var kinds = []kind{
	{name: "hang", faults: atIntakes(faults.Fault{Hang: true})},
	{name: "stream reset", faults: atIntakes(faults.Fault{Abort: true})},
	{name: "429", faults: atIntakes(faults.RateLimited(30))},
	{name: "403, key valid", faults: atIntakes(refusal(403))},
	{name: "key refused", faults: everywhere(refusal(403))},
	{name: "413", faults: atIntakes(refusal(413))},
	{name: "500", faults: atIntakes(refusal(500))},
	{name: "site hangs", site: "ap1.datadoghq.com", faults: atIntakes(faults.Fault{Hang: true})},
	{name: "site resets", site: "ap2.datadoghq.com", faults: atIntakes(faults.Fault{Reset: true})},
}

// shared are the sites of healthy tenants, and of the poisoned ones among them.
var shared = []string{"datadoghq.com", "us3.datadoghq.com", "us5.datadoghq.com", "datadoghq.eu"}

// poisoned says which kind tenant i has.
func (o *options) poisoned(i int) (k kind, is bool) {
	if i%poisonedEvery != poisonedEvery-1 {
		return kind{}, false
	}
	return o.kinds[i/poisonedEvery%len(o.kinds)], true
}

func (o *options) site(i int) string {
	if k, is := o.poisoned(i); is && k.site != "" {
		return k.site
	}
	return shared[(i+i/poisonedEvery)%len(shared)]
}

// The groups of tenants, in the ledger.
const (
	healthy = iota
	sick
	greedy // healthy, but one arm has it send too much
)

// greedyTenant is on a site with others.
const greedyTenant = 0

func (o *options) group(i int) int {
	if _, is := o.poisoned(i); is {
		return sick
	}
	if i == greedyTenant {
		return greedy
	}
	return healthy
}

// poison puts the faults of all poisoned tenants into force. With real false they befall nobody, but every request is compared with them all the same,
// so that the stand-in takes the same time.
func (o *options) poison(set *faults.Set, orgs []oauth.Org, real bool) error {
	set.Clear()
	for i, org := range orgs {
		k, is := o.poisoned(i)
		if !is {
			continue
		}
		id := org.ID
		if !real {
			id = "nobody"
		}
		for n, f := range k.faults(id) {
			f.ID = fmt.Sprintf("%s/%d/%d", k.name, i, n)
			if _, err := set.Add(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// applied counts, by kind, what faults did. The error names the kinds that did nothing.
func (o *options) applied(set *faults.Set) (map[string]int, error) {
	by := map[string]int{}
	for _, f := range set.List() {
		by[kindOf(f.ID)] += f.Applied
	}
	var errs []error
	for _, k := range o.kinds {
		if by[k.name] == 0 {
			errs = append(errs, fmt.Errorf("fault %q befell no request", k.name))
		}
	}
	return by, errors.Join(errs...)
}

func kindOf(id string) string {
	for _, k := range kinds {
		if len(id) > len(k.name) && id[:len(k.name)+1] == k.name+"/" {
			return k.name
		}
	}
	return ""
}

// choose finds kinds by their names, separated by semicolons; all without any.
func choose(names string) (chosen []kind, err error) {
	if names == "" {
		return kinds, nil
	}
	for name := range strings.SplitSeq(names, ";") {
		i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-kinds: there is no kind %q; -help lists them", name)
		}
		chosen = append(chosen, kinds[i])
	}
	return chosen, nil
}

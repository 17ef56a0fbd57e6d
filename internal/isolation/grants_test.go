package isolation_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"

	"go.opentelemetry.io/collector/component"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/internal/isolation"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// sites are those of the organisations, in turn.
var sites = []string{"datadoghq.com", "datadoghq.eu", "us3.datadoghq.com", "us5.datadoghq.com", "ap1.datadoghq.com"}

// grants is an extension that holds the grants of all tenants. It knows of every key that there ever was whose it is.
type grants struct {
	component.StartFunc
	component.ShutdownFunc

	mu      sync.Mutex // guards everything below
	tenants [isolation.Tenants]grant
	names   map[string]int
	keys    map[string]*keyOwner
	had     map[string][isolation.Tenants]bool // by id of an organisation, who was ever connected to it
	minted  int
	changed chan struct{}
}

type grant struct {
	owner isolation.Owner
	org   *organisation
	cred  *credential.Credential
	err   error // what Lookup answers, nil for the credential
}

type organisation struct {
	credential.Org
	key        string
	generation uint64
}

// keyOwner is who may send with a key: two tenants can share an organisation.
type keyOwner struct {
	site    site.Site
	org     string
	owners  isolation.Owners
	current bool // else it was replaced or refused
}

var _ credential.Source = (*grants)(nil)

func newGrants() *grants {
	g := &grants{names: make(map[string]int), keys: make(map[string]*keyOwner), had: make(map[string][isolation.Tenants]bool)}
	for n := range g.tenants {
		g.names[isolation.Name(n)] = n
		o := isolation.Owner{Tenant: n}
		org := g.newOrg(o)
		if n == 1 {
			org = g.tenants[0].org // one organisation of two tenants
		}
		g.connect(o, org)
	}
	return g
}

// newOrg makes an organisation without a key. mu is held, or nobody has g yet.
func (g *grants) newOrg(o isolation.Owner) *organisation {
	s := sites[(o.Tenant+o.Changes)%len(sites)]
	return &organisation{Org: credential.Org{Client: "main", Site: s, ID: fmt.Sprintf("org-%d-%d", o.Tenant, o.Changes)}}
}

// connect gives a tenant an organisation, with its key or a first one.
func (g *grants) connect(o isolation.Owner, org *organisation) {
	g.tenants[o.Tenant] = grant{owner: o, org: org}
	had := g.had[org.ID]
	had[o.Tenant] = true
	g.had[org.ID] = had
	if org.key == "" {
		g.mint(org)
		return
	}
	g.keys[org.key].owners |= o.Set()
	g.tenants[o.Tenant].cred = g.credential(o, org)
}

// mint replaces the key of an organisation for every tenant that is connected to it.
func (g *grants) mint(org *organisation) {
	if old := g.keys[org.key]; old != nil {
		old.current = false
	}
	g.minted++
	org.key = fmt.Sprintf("key-%06d-0123456789abcdef", g.minted)
	org.generation++
	s, _ := site.ByDomain(org.Site)
	k := &keyOwner{site: s, org: org.ID, current: true}
	g.keys[org.key] = k
	for n := range g.tenants {
		if t := &g.tenants[n]; t.org == org {
			k.owners |= t.owner.Set()
			t.cred = g.credential(t.owner, org)
			if errors.Is(t.err, credential.ErrKeyRefused) {
				t.err = nil
			}
		}
	}
	g.change()
}

func (g *grants) credential(o isolation.Owner, org *organisation) *credential.Credential {
	cred, err := credential.New(o.Name(), org.Org, org.key, org.generation, nil)
	if err != nil {
		panic(err) // the table of sites has no such row
	}
	return cred
}

// change wakes whoever waits.
func (g *grants) change() {
	if g.changed != nil {
		close(g.changed)
		g.changed = nil
	}
}

// rotate replaces the key of a tenant's organisation.
func (g *grants) rotate(tenant int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mint(g.tenants[tenant].org)
}

// move connects a tenant to another organisation, sometimes to one that another tenant has.
func (g *grants) move(tenant int, rnd *rand.Rand) {
	g.mu.Lock()
	defer g.mu.Unlock()
	o := isolation.Owner{Tenant: tenant, Changes: g.tenants[tenant].owner.Changes + 1}
	org := g.newOrg(o)
	if rnd.IntN(4) == 0 {
		org = g.tenants[rnd.IntN(len(g.tenants))].org
	}
	if g.had[org.ID][tenant] {
		return // the marks tell two organisations apart, not two stays in one
	}
	g.connect(o, org)
	g.change()
}

// answer makes Lookup answer err for a tenant; nil makes it connected again.
func (g *grants) answer(tenant int, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tenants[tenant].err = err
	g.change()
}

// owner is a tenant as it is now.
func (g *grants) owner(tenant int) isolation.Owner {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.tenants[tenant].owner
}

// key tells of a key.
func (g *grants) key(key string) (keyOwner, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	k := g.keys[key]
	if k == nil {
		return keyOwner{}, false
	}
	return *k, true
}

// Lookup implements credential.Source.
func (g *grants) Lookup(tenant string) (*credential.Credential, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, ok := g.names[tenant]
	switch {
	case !ok:
		return nil, credential.ErrUnknownTenant
	case g.tenants[n].err != nil:
		return nil, g.tenants[n].err
	}
	return g.tenants[n].cred, nil
}

// Org implements credential.Source.
func (g *grants) Org(tenant string) (credential.Org, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n, ok := g.names[tenant]
	if !ok {
		return credential.Org{}, credential.ErrUnknownTenant
	}
	if err := g.tenants[n].err; errors.Is(err, credential.ErrNotReady) || errors.Is(err, credential.ErrDisconnected) {
		return credential.Org{}, err
	}
	return g.tenants[n].org.Org, nil
}

// Refused implements credential.Source.
func (g *grants) Refused(tenant string, generation uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.names[tenant]
	org := g.tenants[n].org
	if org.generation != generation {
		return
	}
	for n := range g.tenants {
		if t := &g.tenants[n]; t.org == org && t.err == nil {
			t.err = credential.ErrKeyRefused
		}
	}
	g.change()
}

// Bearer implements credential.Source. What is tested here needs no token.
func (g *grants) Bearer(string, http.RoundTripper) http.RoundTripper { return nil }

// Changes implements credential.Source.
func (g *grants) Changes() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changed == nil {
		g.changed = make(chan struct{})
	}
	return g.changed
}

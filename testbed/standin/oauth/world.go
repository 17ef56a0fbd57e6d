package oauth

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
)

// OrgRef names an organisation. An id belongs to one site only.
type OrgRef struct {
	Site string `json:"site"`
	ID   string `json:"id"`
}

// Org is a customer's Datadog organisation.
type Org struct {
	OrgRef
	Name string `json:"name"`
	// Subdomain is the label of the organisation's own app host, such as "bigcorp" for bigcorp.datadoghq.eu.
	Subdomain string `json:"subdomain,omitempty"`
	// WithheldScopes are those that the consenting user has no permission for: the grant comes without them.
	WithheldScopes []string `json:"withheld_scopes,omitempty"`
	// UnavailableScopes belong to products outside the organisation's plan: a consent that asks for one fails with invalid_scope.
	UnavailableScopes []string `json:"unavailable_scopes,omitempty"`
}

// World is everything behind the OAuth side of all sites: clients, organisations, grants and API keys.
type World struct {
	now func() time.Time
	mux *http.ServeMux

	mu       sync.RWMutex // guards all that follows, the stores of the sites included
	settings Settings
	clients  map[string]Client
	orgs     []Org // in the order of their creation
	unlisted map[OrgRef]bool
	sites    map[string]*siteState
	consents map[string]*consent
	readers  map[string]reader
	disabled map[clientInOrg]bool
	secrets  []Secret

	remembered map[Secret]bool
}

// siteState is what one site knows; no other site ever sees it.
type siteState struct {
	site     hosts.Site
	provider *provider
	store    *store
	keys     map[string]*apiKey // by the key itself
}

type clientInOrg struct {
	client string
	org    OrgRef
}

// New makes a world without clients and organisations. now decides when a fresh key is accepted and a token has expired.
func New(now func() time.Time) *World {
	w := &World{
		now: now, clients: map[string]Client{}, sites: map[string]*siteState{}, consents: map[string]*consent{},
		readers: map[string]reader{}, unlisted: map[OrgRef]bool{}, disabled: map[clientInOrg]bool{}, remembered: map[Secret]bool{},
	}
	for _, s := range hosts.Sites() {
		st := newStore(w)
		w.sites[s.Domain] = &siteState{site: s, provider: newProvider(st), store: st, keys: map[string]*apiKey{}}
	}
	w.mux = w.routes()
	return w
}

// AddOrg creates an organisation. Without an id it gets a random UUID; what was created is returned.
func (w *World) AddOrg(o Org) (Org, error) {
	if _, ok := w.sites[o.Site]; !ok {
		return Org{}, fmt.Errorf("add org %q: no site %q; use a site parameter such as datadoghq.eu", o.Name, o.Site)
	}
	if o.ID == "" {
		o.ID = uuid.NewString()
	}
	if o.Name == "" {
		o.Name = "Org " + o.ID
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if slices.ContainsFunc(w.orgs, func(other Org) bool { return other.ID == o.ID }) {
		return Org{}, fmt.Errorf("add org %s on %s: there is an organisation of this id already", o.ID, o.Site)
	}
	w.orgs = append(w.orgs, o)
	return o, nil
}

// Unlist takes an organisation off the consent pages: the person before them is no member of it. Its grants, tokens and keys stay as they are. With
// thousands of organisations a page that lists all of them costs more than the consent.
func (w *World) Unlist(ref OrgRef) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlisted[ref] = true
}

// Relist undoes Unlist.
func (w *World) Relist(ref OrgRef) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.unlisted, ref)
}

// Orgs lists every organisation in the order of creation.
func (w *World) Orgs() []Org {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return slices.Clone(w.orgs)
}

func (w *World) org(ref OrgRef) (Org, bool) {
	i := slices.IndexFunc(w.orgs, func(o Org) bool { return o.OrgRef == ref })
	if i < 0 {
		return Org{}, false
	}
	return w.orgs[i], true
}

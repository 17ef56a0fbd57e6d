// Package tenancytest has a holder of grants for tests.
package tenancytest

import (
	"errors"
	"net/http"
	"sync"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// Source is a credential.Source whose answers a test sets. The zero Source knows no tenant.
type Source struct {
	mu      sync.Mutex // guards everything below
	answers map[string]answer
	refused map[string]uint64
	changed chan struct{}
	// lenient says that Lookup goes on offering a key that was refused.
	lenient bool
}

type answer struct {
	cred *credential.Credential
	org  credential.Org
	err  error
}

var _ credential.Source = (*Source)(nil)

// Grant connects a tenant.
func (s *Source) Grant(tenant, site, key string, generation uint64, fresh bool) {
	org := credential.Org{Client: "main", Site: site, ID: "org-of-" + tenant}
	cred, err := credential.New(tenant, org, key, generation, func() bool { return fresh })
	if err != nil {
		panic(err)
	}
	s.set(tenant, answer{cred: cred, org: org})
}

// Move connects a tenant to another organisation.
func (s *Source) Move(tenant, site, key, orgID string) {
	org := credential.Org{Client: "main", Site: site, ID: orgID}
	cred, err := credential.New(tenant, org, key, 1, nil)
	if err != nil {
		panic(err)
	}
	s.set(tenant, answer{cred: cred, org: org})
}

// Fail makes Lookup answer err. The organisation stays known.
func (s *Source) Fail(tenant string, err error) {
	s.mu.Lock()
	org := s.answers[tenant].org
	s.mu.Unlock()
	s.set(tenant, answer{org: org, err: err})
}

func (s *Source) set(tenant string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers == nil {
		s.answers = make(map[string]answer)
	}
	s.answers[tenant] = a
	s.change()
}

// change wakes whoever waits. mu is held.
func (s *Source) change() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// Lookup implements credential.Source.
func (s *Source) Lookup(tenant string) (*credential.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.answers[tenant]
	if !ok {
		return nil, credential.ErrUnknownTenant
	}
	return a.cred, a.err
}

// Org implements credential.Source.
func (s *Source) Org(tenant string) (credential.Org, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.answers[tenant]
	if !ok {
		return credential.Org{}, credential.ErrUnknownTenant
	}
	for _, err := range []error{credential.ErrNotReady, credential.ErrUnknownTenant, credential.ErrNotConnected, credential.ErrDisconnected} {
		if errors.Is(a.err, err) {
			return credential.Org{}, a.err
		}
	}
	return a.org, nil
}

// KeepRefused makes the source go on offering a key that was refused.
func (s *Source) KeepRefused() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lenient = true
}

// Refused implements credential.Source.
func (s *Source) Refused(tenant string, generation uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused == nil {
		s.refused = make(map[string]uint64)
	}
	s.refused[tenant] = generation
	if a := s.answers[tenant]; a.cred != nil && a.cred.Generation() == generation && !s.lenient {
		s.answers[tenant] = answer{org: a.org, err: credential.ErrKeyRefused}
		s.change()
	}
}

// RefusedGeneration is the generation that was last reported, 0 for none.
func (s *Source) RefusedGeneration(tenant string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused[tenant]
}

// Bearer implements credential.Source. No test needs it.
func (s *Source) Bearer(string, http.RoundTripper) http.RoundTripper { return nil }

// Changes implements credential.Source.
func (s *Source) Changes() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

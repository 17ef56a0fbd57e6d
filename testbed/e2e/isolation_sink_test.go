package e2e

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/isolation"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// isolationSink takes the place of all intakes. It compares whose each body is with the key and the host under which it came, and answers as
// intakes in trouble do.
type isolationSink struct {
	w *world.World // set before the first body

	mu      sync.Mutex // guards everything below
	rnd     *rand.Rand
	calm    bool
	orgs    map[string]isolation.Owners // by id
	keys    map[string]oauth.OrgRef     // of every key that there ever was
	revoked map[string]bool             // keys
	used    map[string]bool             // keys
	bodies  map[string]int              // by path, and by the name of the tenant
	faults  []error
	checker isolation.Checker
}

func newIsolationSink(seed uint64) *isolationSink {
	return &isolationSink{rnd: rand.New(rand.NewPCG(seed, 2)), orgs: map[string]isolation.Owners{}, keys: map[string]oauth.OrgRef{}, revoked: map[string]bool{}, used: map[string]bool{}, bodies: map[string]int{}}
}

// own notes whose organisation it is.
func (s *isolationSink) own(org string, o isolation.Owner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.orgs[org] |= o.Set()
}

// learn notes whose each key is.
func (s *isolationSink) learn() {
	for _, secret := range s.w.Standin.OAuth().Secrets() {
		if org, ok := s.w.Standin.OAuth().KeyOwner(secret.Value); ok {
			s.mu.Lock()
			s.keys[secret.Value] = org
			s.mu.Unlock()
		}
	}
}

// revoke makes the keys of an organisation invalid.
func (s *isolationSink) revoke(org oauth.OrgRef) {
	s.learn()
	s.w.Standin.OAuth().RevokeKeys(org, "")
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, of := range s.keys {
		if of == org {
			s.revoked[key] = true
		}
	}
}

// heal makes every intake work.
func (s *isolationSink) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calm = true
}

// ServeHTTP implements http.Handler.
func (s *isolationSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the collector was killed
	}
	key := r.Header.Get("DD-API-KEY")
	s.mu.Lock()
	_, known := s.keys[key]
	s.mu.Unlock()
	if !known {
		s.learn()
	}
	status := s.judge(key, r, body)
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
}

func (s *isolationSink) judge(key string, r *http.Request, body []byte) (status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	org, known := s.keys[key]
	host, _ := hosts.Lookup(r.Host)
	if !known || host.Site.Domain != org.Site {
		s.faults = append(s.faults, fmt.Errorf("%s%s was called with the key of %s on %s, known: %v", r.Host, r.URL.Path, org.ID, org.Site, known))
	}
	found, err := s.checker.Check(r.URL.Path, r.Header.Get("Content-Encoding"), body)
	switch of := s.orgs[org.ID]; {
	case err != nil:
		s.faults = append(s.faults, fmt.Errorf("to %s with the key of %s: %w", r.Host, of, err))
	case found.Owners&of == 0:
		s.faults = append(s.faults, fmt.Errorf("%s%s got a body of %s with the key of %s", r.Host, r.URL.Path, found.Owners, of))
	}
	status = http.StatusAccepted
	switch n := s.rnd.IntN(100); {
	case s.revoked[key]:
		status = http.StatusForbidden
	case s.calm:
	case n < 15:
		status = []int{http.StatusServiceUnavailable, http.StatusTooManyRequests, http.StatusInternalServerError}[n%3]
	case n < 30:
		status = http.StatusRequestEntityTooLarge
	}
	s.used[key] = true
	s.bodies[fmt.Sprint(status)]++
	s.bodies[r.URL.Path]++
	for n := range isolation.Tenants {
		if found.Owners&isolation.AnyOf(n) != 0 {
			s.bodies[isolation.Name(n)]++
		}
	}
	return status
}

// verdict fails the test for what went wrong, and for what did not come.
func (s *isolationSink) verdict(t *testing.T, seed uint64, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range s.faults[:min(len(s.faults), 5)] {
		t.Errorf("ISOLATION_SEED=%d: %v", seed, err)
	}
	for _, what := range want {
		if s.bodies[what] == 0 {
			t.Errorf("ISOLATION_SEED=%d: no body of %s; there were %v", seed, what, s.bodies)
		}
	}
	t.Logf("seed %d: %v", seed, s.bodies)
}

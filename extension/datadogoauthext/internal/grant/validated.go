package grant

import (
	"maps"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// validKept is how long it is remembered that a refused key was called valid. A sender whose data is still refused reports it again long before.
const validKept = time.Hour

// validKeys remembers which refused keys Datadog called valid, in this process. The zero validKeys is ready.
type validKeys struct {
	mu   sync.Mutex // guards seen
	seen map[string]validKey
}

type validKey struct {
	generation uint64
	at         time.Time
}

func (v *validKeys) add(org string, generation uint64, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	maps.DeleteFunc(v.seen, func(_ string, k validKey) bool { return now.Sub(k.at) > validKept })
	if v.seen == nil {
		v.seen = make(map[string]validKey)
	}
	v.seen[org] = validKey{generation, now}
}

func (v *validKeys) at(org string, generation uint64, now time.Time) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	if k := v.seen[org]; k.generation == generation && now.Sub(k.at) <= validKept {
		return k.at
	}
	return time.Time{}
}

// Validated implements credential.Refusals.
func (s *Service) Validated(tenant string, generation uint64) time.Time {
	cred, err := s.Lookup(tenant)
	if err != nil || cred.Generation() != generation {
		return time.Time{}
	}
	return s.valid.at(cred.OrgText(), generation, s.now())
}

// calledValid notes a clear yes to a key that serves.
func (s *Service) calledValid(org credential.Org, generation uint64) {
	s.valid.add(org.String(), generation, s.now())
}

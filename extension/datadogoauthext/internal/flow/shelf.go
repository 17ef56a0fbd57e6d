package flow

import (
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// maxShelved bounds what strangers can make this process remember, maxOfOwner what one of them can: beyond that their oldest
// thing goes, so that one link reloaded all day crowds out nobody else.
const (
	maxShelved = 5000
	maxOfOwner = 20
)

// shelf remembers small things for a short while under names that nobody can guess. They are gone after a restart, which
// costs a customer another click.
type shelf[T any] struct {
	now  func() time.Time
	life time.Duration

	mu    sync.Mutex // guards the rest
	items map[string]shelved[T]
	owned map[string]int // items by owner
	next  time.Time      // of cleaning up
}

type shelved[T any] struct {
	item    T
	owner   string
	expires time.Time
}

func (s *shelf[T]) init(now func() time.Time, life time.Duration) {
	s.now, s.life, s.items, s.owned = now, life, map[string]shelved[T]{}, map[string]int{}
}

// put returns the name of item, or false when the shelf is full.
func (s *shelf[T]) put(owner string, item T) (name string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if !now.Before(s.next) || len(s.items) >= maxShelved {
		for n, it := range s.items {
			if !now.Before(it.expires) {
				s.drop(n)
			}
		}
		s.next = now.Add(time.Minute)
	}
	if s.owned[owner] >= maxOfOwner {
		s.drop(s.oldest(owner))
	}
	if len(s.items) >= maxShelved {
		return "", false
	}
	name = grant.NewSecret()
	s.items[name] = shelved[T]{item: item, owner: owner, expires: now.Add(s.life)}
	s.owned[owner]++
	return name, true
}

// drop takes one thing off. The caller holds mu.
func (s *shelf[T]) drop(name string) {
	it, ok := s.items[name]
	if !ok {
		return
	}
	delete(s.items, name)
	if s.owned[it.owner]--; s.owned[it.owner] == 0 {
		delete(s.owned, it.owner)
	}
}

// oldest is the name of an owner's thing that runs out first. The caller holds mu.
func (s *shelf[T]) oldest(owner string) string {
	var name string
	var first time.Time
	for n, it := range s.items {
		if it.owner == owner && (name == "" || it.expires.Before(first)) {
			name, first = n, it.expires
		}
	}
	return name
}

func (s *shelf[T]) get(name string) (item T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	it, ok := s.items[name]
	if !ok || !s.now().Before(it.expires) {
		return item, false
	}
	return it.item, true
}

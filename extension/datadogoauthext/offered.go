package datadogoauthext

import (
	"maps"
	"slices"
	"sync"
)

// offered is what the exporters in this collector offer, each until it stops. The zero offered is ready.
type offered[T any] struct {
	mu   sync.Mutex // guards the rest
	of   map[int]T
	last int
}

func (o *offered[T]) add(one T) (remove func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of == nil {
		o.of = make(map[int]T)
	}
	o.last++
	number := o.last
	o.of[number] = one
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.of, number)
	}
}

// all are those that are offered at the moment, in the order in which they came. The slice is the caller's, who asks them without the lock.
func (o *offered[T]) all() []T {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := make([]T, 0, len(o.of))
	for _, number := range slices.Sorted(maps.Keys(o.of)) {
		all = append(all, o.of[number])
	}
	return all
}

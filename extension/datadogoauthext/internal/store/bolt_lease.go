package store

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// boltLeases gives rights within one process.
//
// A fence is epoch<<32 + count. The epoch is stored and grows the first time that an opened store gives a lease, so that
// fences grow across restarts at the price of one write per run instead of one per lease.
type boltLeases struct {
	now func() time.Time

	starting sync.Mutex // serialises the write of the epoch, which mu must not be held over
	mu       sync.Mutex // guards what follows
	epoch    uint64     // 0: not known yet
	count    uint32
	held     map[string]*boltLease
}

type boltLease struct {
	leases  *boltLeases
	name    string
	fence   uint64
	expires time.Time
}

func (l *boltLeases) take(ctx context.Context, name string, ttl time.Duration, nextEpoch func(context.Context) (uint64, error)) (*boltLease, error) {
	if ttl <= 0 {
		return nil, fmt.Errorf("a lease needs a time to live, got %s", ttl)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := l.start(ctx, nextEpoch); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if holder, ok := l.held[name]; ok && now.Before(holder.expires) {
		return nil, ErrHeld
	}
	l.count++
	lease := &boltLease{leases: l, name: name, fence: l.epoch<<32 + uint64(l.count), expires: now.Add(ttl)}
	if l.held == nil {
		l.held = make(map[string]*boltLease)
	}
	l.held[name] = lease
	return lease, nil
}

// start learns the epoch once. A failure is tried again by the next lease.
func (l *boltLeases) start(ctx context.Context, nextEpoch func(context.Context) (uint64, error)) error {
	l.starting.Lock()
	defer l.starting.Unlock()
	l.mu.Lock()
	known := l.epoch != 0
	l.mu.Unlock()
	if known {
		return nil
	}
	epoch, err := nextEpoch(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch = epoch
	return nil
}

// Fence implements Lease.
func (b *boltLease) Fence() uint64 { return b.fence }

// Release implements Lease.
func (b *boltLease) Release(context.Context) error {
	b.leases.mu.Lock()
	defer b.leases.mu.Unlock()
	if b.leases.held[b.name] == b {
		delete(b.leases.held, b.name)
	}
	return nil
}

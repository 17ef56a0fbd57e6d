package store

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// boltLeases gives rights within one process.
//
// A fence is epoch + count. The epoch is stored the first time that an opened store gives a lease, and makes way for the fences of
// that run, so that fences grow across restarts at the price of one write per run instead of one per lease.
//
// An epoch is the microsecond of the clock, unless the one before reaches further. So fences go on growing where records, which keep
// the fence that they were written under, come from another store: one that was restored, or one in PostgreSQL.
type boltLeases struct {
	now func() time.Time

	starting sync.Mutex // serialises the write of the epoch, which mu must not be held over
	mu       sync.Mutex // guards what follows
	epoch    uint64     // 0: to be stored before the next lease
	count    uint64     // fences of the epoch that were given
	held     map[string]*boltLease
}

// epochFences is how many fences an epoch makes way for: about a second's worth of microseconds.
const epochFences = 1 << 20

// epochAfter returns the epoch after another one.
func epochAfter(last uint64, now time.Time) uint64 {
	return max(last+epochFences, uint64(max(now.UnixMicro(), 0)))
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
	for {
		if err := l.start(ctx, nextEpoch); err != nil {
			return nil, err
		}
		if lease, err := l.takeOfEpoch(name, ttl); lease != nil || err != nil {
			return lease, err
		}
	}
}

// takeOfEpoch returns neither a lease nor an error where others have used the epoch up.
func (l *boltLeases) takeOfEpoch(name string, ttl time.Duration) (*boltLease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch == 0 {
		return nil, nil
	}
	now := l.now()
	if holder, ok := l.held[name]; ok && now.Before(holder.expires) {
		return nil, ErrHeld
	}
	lease := &boltLease{leases: l, name: name, fence: l.epoch + l.count, expires: now.Add(ttl)}
	if l.count++; l.count == epochFences {
		l.epoch = 0 // used up
	}
	if l.held == nil {
		l.held = make(map[string]*boltLease)
	}
	l.held[name] = lease
	return lease, nil
}

// start stores an epoch where there is none. A failure is tried again by the next lease.
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
	l.epoch, l.count = epoch, 0
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

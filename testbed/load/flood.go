package load

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// apart is the least between two uses of one request: the same points of metrics must differ in their second.
const apart = 1100 * time.Millisecond

// Flood sends as fast as so many callers at a time are answered, for a time, and returns when every request is answered or given up. A request is due when
// a caller gets to it. It is not safe for concurrent use, and not beside Run.
func (s *Stream) Flood(ctx context.Context, callers int, d time.Duration) (begin time.Time, took time.Duration, err error) {
	if err := s.prepare(); err != nil {
		return time.Time{}, 0, err
	}
	if err := pause(ctx, apart); err != nil { // Run may have used them just before
		return time.Time{}, 0, err
	}
	begin = time.Now()
	end := begin.Add(d)
	var mu sync.Mutex
	used := make([]time.Time, len(s.Loads)*s.Loads[0].Requests) // when each request was; guarded by mu, as s.next is here
	take := func() (step int, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		last := &used[s.next%len(used)]
		if next := last.Add(apart); next.After(end) || pause(ctx, time.Until(next)) != nil || !time.Now().Before(end) {
			return 0, false
		}
		*last = time.Now()
		s.next++
		return s.next - 1, true
	}
	var work sync.WaitGroup
	var fault atomic.Pointer[error]
	for range callers {
		work.Go(func() {
			for step, ok := take(); ok && fault.Load() == nil; step, ok = take() {
				if err := s.send(ctx, step, time.Now()); err != nil {
					fault.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	work.Wait()
	if f := fault.Load(); f != nil {
		err = *f
	}
	return begin, time.Since(begin), errors.Join(err, ctx.Err())
}

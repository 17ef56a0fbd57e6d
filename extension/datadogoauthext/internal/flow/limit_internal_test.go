package flow

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheLimiterForgetsStrangersButNotWhoComesBack(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := newLimiter(2, func() time.Time { return now })
	ask := func(i int) bool { return l.allow(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&0xff, i&0xff)) }
	for range 2 {
		assert.True(t, l.allow("192.0.2.1:1"))
	}
	for i := range 5 * maxAddresses {
		if i%(maxAddresses/2) == 0 {
			assert.False(t, l.allow("192.0.2.1:1"), "whoever keeps asking is remembered")
		}
		assert.True(t, ask(i))
		if len(l.young)+len(l.old) > 2*maxAddresses {
			t.Fatalf("%d addresses are remembered", len(l.young)+len(l.old))
		}
	}
}

func TestLookUpsTakeTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &Flow{lookUps: make(chan struct{}, maxLookUps)}
		under, most := 0, 0
		var mu sync.Mutex // guards both
		var all sync.WaitGroup
		for range 5 * maxLookUps {
			all.Go(func() {
				assert.NoError(t, f.lookUp(t.Context(), func(context.Context) error {
					mu.Lock()
					under++
					most = max(most, under)
					mu.Unlock()
					time.Sleep(time.Second) // of the bubble
					mu.Lock()
					under--
					mu.Unlock()
					return nil
				}))
			})
		}
		impatient, leave := context.WithTimeout(t.Context(), time.Second/2)
		defer leave()
		synctest.Wait()
		err := f.lookUp(impatient, func(context.Context) error { return nil })
		assert.ErrorIs(t, err, context.DeadlineExceeded, "whoever left is not waited for")
		all.Wait()
		assert.Equal(t, maxLookUps, most)
	})
}

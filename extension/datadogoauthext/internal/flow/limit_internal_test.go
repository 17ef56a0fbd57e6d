package flow

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

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

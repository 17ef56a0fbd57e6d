package grant

import (
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"go.uber.org/zap"
)

func TestNothingBeginsOnceCloseWaits(t *testing.T) {
	t.Parallel()
	for range 50 {
		s := New(Options{HTTP: &http.Client{}, Logger: zap.NewNop()})
		var running atomic.Int64
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				for range 100 {
					s.life.spawn(func() { running.Add(1); defer running.Add(-1) })
				}
			})
		}
		assert.NoError(t, s.Close(t.Context()))
		assert.Zero(t, running.Load(), "Close waited for all of it")
		assert.False(t, s.life.spawn(func() {}))
		callers.Wait()
		assert.Zero(t, running.Load())
	}
}

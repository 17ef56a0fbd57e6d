package grant

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClientGate(t *testing.T) {
	t.Parallel()
	var g clientGate
	now := time.Now()
	enter := func(stamp uint64) bool {
		leave, p, err := g.enter(t.Context(), func() time.Time { return now }, stamp)
		require.NoError(t, err)
		leave()
		return p != gateShut
	}
	assert.True(t, enter(1))
	first, news := g.reject(now, 1)
	assert.True(t, first && news)
	first, news = g.reject(now, 1)
	assert.False(t, first || news, "the first time only")
	assert.False(t, enter(1))
	assert.True(t, g.dead(now, 1))
	assert.True(t, enter(2), "another secret is tried at once")
	assert.False(t, enter(2), "once")
	first, news = g.reject(now, 2)
	assert.False(t, first)
	assert.True(t, news, "of this secret")
	now = now.Add(probeEvery)
	assert.True(t, enter(2), "a probe")
	assert.False(t, enter(2))
	assert.True(t, g.accept(now, 2))
	assert.False(t, g.accept(now, 2))
	assert.True(t, enter(2))
	assert.True(t, g.state().IsZero())
}

func TestOneCallGoesAheadOfAllOthers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer func(*clientGate)
		after  time.Duration
		calls  int32 // of a hundred who want to
	}{
		"rejected":                        {func(g *clientGate) { g.reject(time.Now(), 1) }, time.Second, 1},
		"accepted":                        {func(g *clientGate) { g.accept(time.Now(), 1) }, time.Second, 100},
		"no verdict: one after the other": {func(*clientGate) {}, 300 * time.Millisecond, 100},
		"its site hangs":                  {func(*clientGate) {}, 30 * time.Second, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var g clientGate
				var calls, atOnce atomic.Int32
				began := time.Now()
				for range 100 {
					go func() {
						leave, p, err := g.enter(context.Background(), time.Now, 1)
						defer leave()
						if err != nil || p == gateShut {
							return
						}
						calls.Add(1)
						if time.Since(began) < turnFor {
							atOnce.Add(1)
						}
						time.Sleep(tc.after)
						tc.answer(&g)
					}()
				}
				synctest.Wait()
				assert.EqualValues(t, 1, atOnce.Load(), "before the first is answered")
				time.Sleep(time.Minute)
				synctest.Wait()
				assert.Equal(t, tc.calls, calls.Load())
			})
		})
	}
}

func TestAFewCallsGoAtATimeWhileTheSecretIsGood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g clientGate
		g.accept(time.Now(), 1)
		var flying, most atomic.Int32
		for range 100 {
			go func() {
				leave, p, err := g.enter(context.Background(), time.Now, 1)
				defer leave()
				assert.True(t, p == gateOpen && err == nil)
				most.Store(max(most.Load(), flying.Add(1)))
				time.Sleep(50 * time.Millisecond)
				flying.Add(-1)
			}()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.EqualValues(t, callsOfClient, most.Load())
	})
}

func TestAnotherSecretIsTriedByOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g clientGate
		g.accept(time.Now(), 1)
		leave, p, err := g.enter(t.Context(), time.Now, 1)
		require.True(t, p == gateOpen && err == nil)
		leave()
		_, p, err = g.enter(t.Context(), time.Now, 2)
		require.True(t, p == gateOpen && err == nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err = g.enter(ctx, time.Now, 2)
		require.ErrorIs(t, err, context.DeadlineExceeded, "it waits for the first")
	})
}

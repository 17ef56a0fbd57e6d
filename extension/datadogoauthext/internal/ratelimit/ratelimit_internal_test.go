package ratelimit

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestTheLimiterForgetsStrangersButNotWhoComesBack(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := New(2, func() time.Time { return now })
	ask := func(i int) bool { return l.Allow(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&0xff, i&0xff)) }
	for range 2 {
		assert.True(t, l.Allow("192.0.2.1:1"))
	}
	for i := range 5 * maxAddresses {
		if i%(maxAddresses/2) == 0 {
			assert.False(t, l.Allow("192.0.2.1:1"), "whoever keeps asking is remembered")
		}
		assert.True(t, ask(i))
		if len(l.young)+len(l.old) > 2*maxAddresses {
			t.Fatalf("%d addresses are remembered", len(l.young)+len(l.old))
		}
	}
}

package flow

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestShelf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var s shelf[int]
		s.init(time.Now, time.Minute)
		kept, ok := s.put("quiet", 7)
		assert.True(t, ok)
		for i := range 10 * maxOfOwner { // one link, reloaded
			time.Sleep(time.Millisecond)
			_, ok = s.put("noisy", i)
			assert.True(t, ok)
		}
		assert.Len(t, s.items, maxOfOwner+1)
		got, ok := s.get(kept)
		assert.True(t, ok)
		assert.Equal(t, 7, got)

		for i := range maxShelved { // many links
			_, ok = s.put(fmt.Sprint(i), i)
		}
		assert.False(t, ok, "full")
		time.Sleep(time.Minute)
		name, ok := s.put("later", 1)
		assert.True(t, ok, "what ran out makes room")
		assert.Len(t, s.items, 1)
		assert.Len(t, s.owned, 1)
		time.Sleep(time.Minute)
		_, ok = s.get(name)
		assert.False(t, ok, "it ran out")
	})
}

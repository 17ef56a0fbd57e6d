package grant

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestWindowsForgetWhatIsOver(t *testing.T) {
	t.Parallel()
	var w windows
	now := time.Now()
	assert.True(t, w.enter("kept", now, 1000*time.Hour))
	for i := range 10 * minWindows {
		assert.True(t, w.enter(strconv.Itoa(i), now, time.Minute))
		now = now.Add(time.Second)
	}
	assert.LessOrEqual(t, len(w.m), 2*minWindows)
	assert.False(t, w.enter("kept", now, 1000*time.Hour))
}

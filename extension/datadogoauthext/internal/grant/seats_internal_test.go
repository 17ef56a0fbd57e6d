package grant

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestSeatsAreLimitedUntilTheyRunOut(t *testing.T) {
	t.Parallel()
	var v view
	v.init()
	now := time.Now()
	flow := func(tenant string, n int, at time.Time) bool {
		return v.takeSeat(Flow{StateHash: tenant + "/" + strconv.Itoa(n), Tenant: tenant, Expires: at.Add(FlowLife)}, at)
	}
	for i := range maxFlowsOfTenant {
		assert.True(t, flow("greedy", i, now))
	}
	assert.False(t, flow("greedy", maxFlowsOfTenant, now))
	for i := range maxFlows - maxFlowsOfTenant {
		assert.True(t, flow("tenant-"+strconv.Itoa(i), 0, now))
	}
	assert.False(t, flow("late", 0, now), "the limit in all")
	login := func(n int, at time.Time) bool {
		return v.takeLoginSeat(Login{Hash: strconv.Itoa(n), Expires: at.Add(FlowLife)}, at)
	}
	for i := range maxLogins {
		assert.True(t, login(i, now), "logins have seats of their own")
	}
	assert.False(t, login(maxLogins, now))
	v.leaveSeat("greedy/0")
	v.leaveLoginSeat("0")
	assert.True(t, flow("late", 0, now))
	assert.True(t, login(maxLogins, now))

	later := now.Add(FlowLife)
	assert.True(t, flow("greedy", maxFlowsOfTenant, later), "seats that ran out do not count, swept or not")
	assert.True(t, login(maxLogins+1, later))
	flows, logins := v.ranOut(later, 3)
	assert.Len(t, flows, 3)
	assert.Len(t, logins, 3)
	assert.NotContains(t, flows, "greedy/"+strconv.Itoa(maxFlowsOfTenant))
}

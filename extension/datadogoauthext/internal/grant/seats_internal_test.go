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
	login := func(n int, at time.Time) (oldest string) {
		return v.takeLoginSeat(Login{Hash: strconv.Itoa(n), Expires: at.Add(FlowLife)}, at)
	}
	for i := range maxLogins {
		assert.Empty(t, login(i, now.Add(time.Duration(i))), "logins have seats of their own")
	}
	v.logins["0"] = loginSeat{admitted: true, expires: v.logins["0"].expires}
	assert.Empty(t, login(maxLogins, now.Add(time.Second)), "a ticket takes a login out of the count")
	assert.Equal(t, "1", login(maxLogins+1, now.Add(time.Second)), "the oldest makes room, and never one that a ticket admitted")
	v.leaveSeat("greedy/0")
	assert.True(t, flow("late", 0, now))

	later := now.Add(FlowLife + time.Second)
	assert.True(t, flow("greedy", maxFlowsOfTenant, later), "seats that ran out do not count, swept or not")
	assert.Empty(t, login(maxLogins+2, later))
	flows, logins := v.ranOut(later, 3)
	assert.Len(t, flows, 3)
	assert.Empty(t, logins, "a consent that began with one may still end")
	_, logins = v.ranOut(later.Add(FlowLife), 3)
	assert.Len(t, logins, 3)
	assert.NotContains(t, flows, "greedy/"+strconv.Itoa(maxFlowsOfTenant))
}

package datadogoauthext

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// keeper is a board that says what waits.
type keeper struct {
	board
	waits  []credential.Wait
	parked map[string]int64
}

func (k keeper) Waits() []credential.Wait { return k.waits }
func (k keeper) Parked() map[string]int64 { return k.parked }

func TestWhatWaitsIsAskedOfEveryBoardThatSays(t *testing.T) {
	t.Parallel()
	var s sends
	s.add(board{})
	assert.Empty(t, s.waits())
	assert.Empty(t, s.parked())
	s.add(keeper{waits: []credential.Wait{{Signal: "metrics", MaxAge: time.Hour, MaxBytes: 5}, {Signal: "logs", MaxBytes: 7}}, parked: map[string]int64{"acme": 2, "globex": 1}})
	s.add(keeper{waits: []credential.Wait{{Signal: "metrics", MaxBytes: 4}, {Signal: "logs", MaxAge: time.Minute, MaxBytes: 8}}, parked: map[string]int64{"acme": 3}})
	assert.Equal(t, []admin.SendWait{{Signal: "logs", MaxAge: time.Minute, MaxBytes: 7}, {Signal: "metrics", MaxAge: time.Hour, MaxBytes: 4}}, s.waits())
	assert.Equal(t, map[string]int64{"acme": 5, "globex": 1}, s.parked())
}

func TestTenantsWithParkedItemsAreFound(t *testing.T) {
	t.Parallel()
	m := more{parked: map[string]int64{"acme": 5}}
	rows := func(yield func(*grant.Row) bool) {
		_ = yield(&grant.Row{Tenant: "acme"}) && yield(&grant.Row{Tenant: "globex"})
	}
	names, found := m.search(admin.Query{State: admin.StateParked}, rows)
	assert.Equal(t, []string{"acme"}, names)
	assert.Equal(t, 1, found.Total)
	assert.Equal(t, 1, found.Counts[admin.StateParked])
}

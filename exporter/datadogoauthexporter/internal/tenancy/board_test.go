package tenancy_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// notes are what a board was told.
type notes struct {
	mu  sync.Mutex // guards all
	all []string
}

func (n *notes) NotSent(tenant string, f intake.Family, why error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.all = append(n.all, fmt.Sprintf("%s %s: %v", tenant, f, why))
}

func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.all
	n.all = nil
	return all
}

// parkedOf is what is parked of some tenants.
func (w *world) parkedOf(names ...string) []tenancy.ParkedLane {
	all := w.ParkedLanes(func(tenant string) bool { return slices.Contains(names, tenant) })
	slices.SortFunc(all, func(a, b tenancy.ParkedLane) int {
		return cmp.Or(cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Family, b.Family))
	})
	return all
}

// TestABoardIsToldWhyDataWaitsOrIsLost: and of no stranger.
func TestABoardIsToldWhyDataWaitsOrIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var board notes
		w := newWorld(t, func(s *tenancy.Settings) {
			s.Board = &board
			s.Park = tenancy.ParkLimits{PerTenantBytes: 2 * 17, TotalBytes: 10 * 17} // requests of a byte
			s.MaxAhead = func(intake.Family) time.Duration { return time.Minute }
		})
		for _, name := range []string{"acme", "globex"} {
			w.source.Grant(name, "datadoghq.eu", "key", 1, false)
		}
		begin := time.Now().Truncate(time.Second)
		assert.NoError(t, w.Push(t.Context(), of("globex", "1")))
		assert.Empty(t, board.take())
		w.source.Fail("acme", credential.ErrPaused)
		for _, body := range []string{"1", "2", "3"} {
			assert.NoError(t, w.Push(t.Context(), of("acme", body)))
		}
		const paused = "acme logs: tenant is paused"
		assert.ElementsMatch(t, []string{paused, paused, paused, "acme logs: the park is full: the oldest 1 items were dropped; see parking::max_bytes"}, board.take())
		assert.Equal(t, []tenancy.ParkedLane{{Tenant: "acme", Family: intake.Logs, Items: 2, Oldest: begin}}, w.parkedOf("acme", "globex"))
		assert.Empty(t, w.parkedOf("globex"))

		ahead := of("globex", "1")
		ahead.Items[0].Unix = time.Now().Add(time.Hour).Unix()
		_ = w.Push(t.Context(), intake.NewRequest("globex", ahead.Org, ahead.Family, ahead.Payload))
		assert.Equal(t, []string{"globex logs: 1 items are dated further ahead than Datadog takes, and were dropped"}, board.take())

		w.Start()
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		old := "acme logs: 1 items became too old to be sent, and were dropped"
		assert.Equal(t, []string{old, old}, board.take())
		assert.Empty(t, w.parkedOf("acme"))
		w.Stop(context.Background())
	})
}

// TestWhatIsOnItsWayFromTheParkIsParked until it is settled.
func TestWhatIsOnItsWayFromTheParkIsParked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		w.source.Fail("acme", credential.ErrPaused)
		begin := time.Now().Truncate(time.Second)
		assert.NoError(t, w.Push(t.Context(), of("acme", "1")))
		arrived, answer := make(chan struct{}), make(chan struct{})
		w.answers(func(*intake.Request, int) error {
			close(arrived)
			<-answer
			return nil
		})
		w.Start()
		w.source.Grant("acme", "datadoghq.eu", "key", 1, false)
		<-arrived
		assert.Equal(t, []tenancy.ParkedLane{{Tenant: "acme", Family: intake.Logs, Items: 1, Oldest: begin}}, w.parkedOf("acme"))
		close(answer)
		synctest.Wait()
		assert.Empty(t, w.parkedOf("acme"))
		w.Stop(context.Background())
	})
}

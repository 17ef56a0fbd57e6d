package datadogoauthexporter

import (
	"slices"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/sends"
)

// sharedSends is what the exporters of one configuration know of sends, all signals together, so that a tenant has one history.
type sharedSends struct {
	board *sends.Board

	mu      sync.Mutex // guards everything below
	running []*core    // those that are shown
	unshow  func()     // nil while nothing is
}

var _ credential.SendBoard = (*sharedSends)(nil)

func newSharedSends() *sharedSends { return &sharedSends{board: sends.New()} }

// shown begins to show the sends of one exporter to the holder of grants, if that shows them to anybody.
func (s *sharedSends) shown(c *core) {
	to, ok := c.source.(credential.Sends)
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = append(s.running, c)
	if s.unshow == nil {
		s.unshow = to.ShowSends(s)
	}
}

// hidden ends that. It may come without shown, and twice.
func (s *sharedSends) hidden(c *core) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = slices.DeleteFunc(s.running, func(other *core) bool { return other == c })
	if len(s.running) == 0 && s.unshow != nil {
		s.unshow()
		s.unshow = nil
	}
}

// SendHistory implements credential.SendBoard.
func (s *sharedSends) SendHistory(tenant string) credential.SendHistory {
	return s.board.History(tenant)
}

// SendFigures implements credential.SendBoard.
func (s *sharedSends) SendFigures(tenants []string) []credential.SendFigures {
	s.mu.Lock()
	running := slices.Clone(s.running)
	s.mu.Unlock()
	type place struct{ tenant, signal, intake string }
	all := s.board.Figures(tenants)
	at := make(map[place]int, len(all))
	for i, f := range all {
		at[place{f.Tenant, f.Signal, f.Intake}] = i
	}
	asked := anyOf(tenants)
	for _, c := range running {
		for _, lane := range c.dispatcher.Load().ParkedLanes(asked) {
			p := place{lane.Tenant, c.signal, lane.Family.String()}
			i, ok := at[p]
			if !ok {
				i, all = len(all), append(all, credential.SendFigures{Tenant: p.tenant, Signal: p.signal, Intake: p.intake})
				at[p] = i
			}
			f := &all[i]
			f.Parked += int64(lane.Items)
			f.ParkedSince = earlier(f.ParkedSince, lane.Oldest)
		}
	}
	return all
}

// anyOf says which tenants are named: all of them by nil.
func anyOf(tenants []string) func(string) bool {
	if tenants == nil {
		return func(string) bool { return true }
	}
	set := make(map[string]struct{}, len(tenants))
	for _, t := range tenants {
		set[t] = struct{}{}
	}
	return func(tenant string) bool {
		_, ok := set[tenant]
		return ok
	}
}

// earlier is the earlier of two times, of which none counts where there is another.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

package datadogoauthext

import (
	"cmp"
	"slices"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

// ShowSends implements credential.Sends.
func (e *datadogOAuth) ShowSends(b credential.SendBoard) (remove func()) { return e.sends.add(b) }

// sends are the boards of the exporters in this collector. The zero sends is ready.
type sends struct{ offered[credential.SendBoard] }

// byTenant asks all boards. An intake that several exporters send to is there once for each signal: with the latest of both times, and with what waits
// in all of them.
func (s *sends) byTenant(tenants []string) map[string][]admin.SendFigure {
	all := make(map[string][]admin.SendFigure, len(tenants))
	if len(tenants) == 0 {
		return all // nil means everybody to a board
	}
	for _, board := range s.all() {
		for _, f := range board.SendFigures(tenants) {
			of := all[f.Tenant]
			i := slices.IndexFunc(of, func(o admin.SendFigure) bool { return o.Signal == f.Signal && o.Intake == f.Intake })
			if i < 0 {
				i, of = len(of), append(of, admin.SendFigure{Signal: f.Signal, Intake: f.Intake})
				all[f.Tenant] = of
			}
			mergeFigure(&of[i], f)
		}
	}
	for _, of := range all {
		slices.SortFunc(of, func(x, y admin.SendFigure) int {
			return cmp.Or(cmp.Compare(x.Signal, y.Signal), cmp.Compare(x.Intake, y.Intake))
		})
	}
	return all
}

func mergeFigure(to *admin.SendFigure, f credential.SendFigures) {
	if f.LastSent.After(to.LastSent) {
		to.LastSent = f.LastSent
	}
	if f.LastErrorAt.After(to.LastErrorAt) {
		to.LastError, to.LastErrorAt = f.LastError, f.LastErrorAt
	}
	to.Parked += f.Parked
	if !f.ParkedSince.IsZero() && (to.ParkedSince.IsZero() || f.ParkedSince.Before(to.ParkedSince)) {
		to.ParkedSince = f.ParkedSince
	}
}

// history adds up those of all boards, in the widest of their steps, up to the latest end, and as long as the longest.
func (s *sends) history(tenant string) admin.SendHistory {
	var all []credential.SendHistory
	var sum admin.SendHistory
	steps := 0
	for _, board := range s.all() {
		h := board.SendHistory(tenant)
		if h.Step <= 0 || len(h.Sent) != len(h.Refused) {
			continue
		}
		all, steps, sum.Step = append(all, h), max(steps, len(h.Sent)), max(sum.Step, h.Step)
		if h.End.After(sum.End) {
			sum.End = h.End
		}
	}
	sum.Sent, sum.Refused = make([]uint32, steps), make([]uint32, steps)
	for _, h := range all {
		for i := range h.Sent {
			end := h.End.Add(-time.Duration(len(h.Sent)-1-i) * h.Step)
			if to := steps - 1 - stepsBefore(sum, end); to >= 0 {
				sum.Sent[to] += h.Sent[i]
				sum.Refused[to] += h.Refused[i]
			}
		}
	}
	return sum
}

// stepsBefore is how many steps before the last one of h a moment is, which is the end of a step of somebody else.
func stepsBefore(h admin.SendHistory, end time.Time) int { return int(h.End.Sub(end) / h.Step) }

package datadogoauthext

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

// board is a SendBoard of fixed figures.
type board struct {
	figures []credential.SendFigures
	history credential.SendHistory
}

func (b board) SendFigures([]string) []credential.SendFigures    { return b.figures }
func (b board) SendHistory(tenant string) credential.SendHistory { return b.history }

func minute(m int) time.Time { return time.Date(2026, 1, 2, 3, m, 0, 0, time.UTC) }

// TestFiguresOfSeveralExportersAreOneList: each intake of a signal once, with the latest of either time, and without those of an exporter that stopped.
func TestFiguresOfSeveralExportersAreOneList(t *testing.T) {
	t.Parallel()
	var s sends
	assert.Empty(t, s.byTenant([]string{"acme"}))
	assert.False(t, adminGrants{sends: &s}.Sending())
	remove := s.add(board{figures: []credential.SendFigures{
		{Tenant: "acme", Signal: "metrics", Intake: "sketches", LastSent: minute(1)},
		{Tenant: "acme", Signal: "metrics", Intake: "series", LastSent: minute(4), LastError: "old", LastErrorAt: minute(2), Parked: 3, ParkedSince: minute(9)},
		{Tenant: "globex", Signal: "metrics", Intake: "series", LastError: "alone", LastErrorAt: minute(2)},
	}})
	assert.True(t, adminGrants{sends: &s}.Sending())
	s.add(board{figures: []credential.SendFigures{
		{Tenant: "acme", Signal: "metrics", Intake: "series", LastSent: minute(3), LastError: "newer", LastErrorAt: minute(5), Parked: 4, ParkedSince: minute(8)},
		{Tenant: "acme", Signal: "logs", Intake: "logs", LastSent: minute(2)},
	}})
	asked := []string{"acme", "globex"}
	assert.Equal(t, map[string][]admin.SendFigure{
		"acme": {
			{Signal: "logs", Intake: "logs", LastSent: minute(2)},
			{Signal: "metrics", Intake: "series", LastSent: minute(4), LastError: "newer", LastErrorAt: minute(5), Parked: 7, ParkedSince: minute(8)},
			{Signal: "metrics", Intake: "sketches", LastSent: minute(1)},
		},
		"globex": {{Signal: "metrics", Intake: "series", LastError: "alone", LastErrorAt: minute(2)}},
	}, s.byTenant(asked))
	remove()
	remove()
	assert.Equal(t, []admin.SendFigure{{Signal: "logs", Intake: "logs", LastSent: minute(2)},
		{Signal: "metrics", Intake: "series", LastSent: minute(3), LastError: "newer", LastErrorAt: minute(5), Parked: 4, ParkedSince: minute(8)}}, s.byTenant(asked)["acme"])
	assert.Empty(t, s.byTenant(nil), "of nobody")
}

// TestHistoriesAreAddedUp: by time and not by place, as exporters start and end at their own.
func TestHistoriesAreAddedUp(t *testing.T) {
	t.Parallel()
	var s sends
	assert.Empty(t, s.history("acme").Sent)
	s.add(board{})
	assert.Empty(t, s.history("acme").Sent)
	s.add(board{history: credential.SendHistory{Step: time.Minute, End: minute(3), Sent: []uint32{1, 2, 3}, Refused: []uint32{0, 0, 1}}})
	s.add(board{history: credential.SendHistory{Step: time.Minute, End: minute(4), Sent: []uint32{10, 20}, Refused: []uint32{5, 6}}})
	assert.Equal(t, admin.SendHistory{Step: time.Minute, End: minute(4), Sent: []uint32{2, 13, 20}, Refused: []uint32{0, 6, 6}}, s.history("acme"))
	s.add(board{history: credential.SendHistory{Step: 2 * time.Minute, End: minute(4), Sent: []uint32{100}, Refused: []uint32{200}}})
	assert.Equal(t, admin.SendHistory{Step: 2 * time.Minute, End: minute(4), Sent: []uint32{0, 3, 133}, Refused: []uint32{0, 0, 212}}, s.history("acme"))
}

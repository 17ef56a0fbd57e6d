package datadogoauthexporter

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// TestWhatWaitsIsSaid: how long and how much of each signal, and what does.
func TestWhatWaitsIsSaid(t *testing.T) {
	t.Parallel()
	d := newDatadog(t, map[string]string{eu: euKey})
	s := &shower{}
	s.Grant("acme", eu, euKey, 1, false)
	set, _ := settings(t)
	cfg, ctx := d.config(), context.Background()
	cfg.Parking.MaxBytesPerTenant, cfg.Logs.MaxAge = 7<<20, 3*time.Hour
	m, err := createMetrics(ctx, set, cfg)
	run(t, m, err, s.host())
	l, err := createLogs(ctx, set, cfg)
	l = run(t, l, err, s.host())
	board, ok := s.boards[0].(credential.Waits)
	if !ok {
		t.Fatal("the board does not say what waits")
	}
	want := []credential.Wait{{Signal: "metrics", MaxAge: cfg.Metrics.MaxAge, MaxBytes: 7 << 20}, {Signal: "logs", MaxAge: 3 * time.Hour, MaxBytes: 7 << 20}}
	if got := board.Waits(); !slices.Equal(got, want) {
		t.Errorf("waits: %+v, want %+v", got, want)
	}
	if got := board.Parked(); len(got) != 0 {
		t.Errorf("parked before anything was sent: %v", got)
	}
	d.answers(func(received, http.Header) int { return http.StatusServiceUnavailable })
	if err := l.ConsumeLogs(ctx, logsOf("acme")); err != nil {
		t.Fatal(err)
	}
	s.await(t, "logs", func(f credential.SendFigures) bool { return f.Parked == 1 })
	if got := board.Parked(); !maps.Equal(got, map[string]int64{"acme": 1}) {
		t.Errorf("parked: %v", got)
	}
}

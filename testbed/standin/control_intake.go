package standin

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
)

// controlIntake: what was sent, past the read-back API and its indexing delay. GET /control/intake/counts, dropped and
// received are those of intake.ControlHandler.
//
// POST /control/intake/await waits until the items kept of an organisation are at least those of counts.
func (s *Server) controlIntake(mux *http.ServeMux) {
	mux.Handle("GET /control/intake/", http.StripPrefix("/control/intake", s.intake.ControlHandler()))
	mux.HandleFunc("POST /control/intake/await", takeCtx(func(ctx context.Context, in struct {
		Org       string        `json:"org"`
		Counts    intake.Counts `json:"counts"`
		TimeoutMS int64         `json:"timeout_ms"`
	}) (any, error) {
		if in.Org == "" || in.TimeoutMS <= 0 {
			return nil, errors.New("org, timeout_ms: both are needed")
		}
		ctx, cancel := context.WithTimeout(ctx, time.Duration(in.TimeoutMS)*time.Millisecond)
		defer cancel()
		if err := s.intake.AwaitCounts(ctx, in.Org, in.Counts); err != nil {
			return nil, err
		}
		return map[string]intake.Counts{"counts": s.intake.Counts(in.Org)}, nil
	}))
	mux.HandleFunc("POST /control/intake/reset", take(func(in struct {
		Org string `json:"org"`
	}) (any, error) {
		s.intake.Reset(in.Org)
		return map[string]string{"org": in.Org}, nil
	}))
}

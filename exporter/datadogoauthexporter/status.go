package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// failingAfter is how long nothing must have been delivered, in spite of attempts, before the exporter calls itself failing.
const failingAfter = time.Minute

// status tells the collector whether this exporter delivers anything at all. The trouble of one tenant or one site is none of the exporter while something
// of others is delivered.
type status struct {
	after time.Duration

	mu      sync.Mutex     // guards everything below, and is held while it is told, so that the order is right
	host    component.Host // nil before the start and after the stop
	since   time.Time      // of the first attempt that failed after the last success, zero for none
	failing bool           // the collector was told
}

func (s *status) start(host component.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host = host
}

func (s *status) stop() { s.start(nil) }

type deliverFunc = func(context.Context, *credential.Credential, *intake.Request) error

// watch is deliver, with the status kept.
func (s *status) watch(deliver deliverFunc) deliverFunc {
	return func(ctx context.Context, cred *credential.Credential, r *intake.Request) error {
		err := deliver(ctx, cred, r)
		var unsent *intake.Unsent
		switch {
		case err == nil, errors.As(err, &unsent) && unsent.Partial:
			s.delivered()
		case ctx.Err() == nil: // else it was cut short by the stop
			s.failed(err)
		}
		return err
	}
}

func (s *status) delivered() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Time{}
	if s.failing {
		s.failing = false
		s.tell(componentstatus.NewEvent(componentstatus.StatusOK))
	}
}

func (s *status) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.since.IsZero() {
		s.since = now
	}
	if !s.failing && now.Sub(s.since) >= s.after {
		s.failing = true
		s.tell(componentstatus.NewRecoverableErrorEvent(fmt.Errorf("nothing was delivered since %s, to any tenant; the last error: %w", s.since.UTC().Format(time.RFC3339), err)))
	}
}

func (s *status) tell(event *componentstatus.Event) {
	if s.host != nil {
		componentstatus.ReportStatus(s.host, event)
	}
}

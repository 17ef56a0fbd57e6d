package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// failingAfter is how long nothing must have been delivered, in spite of attempts, before the exporter calls itself failing.
const failingAfter = time.Minute

const (
	// quietAfter is longer than any pause between two attempts: a failure that comes later has nothing to do with the one before.
	quietAfter = 6 * time.Minute
	// fewFailures are too few to tell the exporter's trouble from that of two tenants.
	fewFailures = 2
)

// status tells the collector whether this exporter delivers anything at all, and whether its files can be used. The trouble of one tenant or one site is none
// of the exporter while something of others is delivered.
type status struct {
	after time.Duration

	mu       sync.Mutex       // guards everything below, and is held while it is told, so that the order is right
	host     component.Host   // nil before the start and after the stop
	failures int              // attempts that failed after the last success, or after a quiet time
	since    time.Time        // of the first of these
	last     time.Time        // of the last of these
	failing  error            // nothing is delivered, and the collector was told
	files    map[string]error // why files of the queue's storage cannot be used, by what they are for
}

func (s *status) start(host component.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.host = host
	if len(s.files) > 0 {
		s.tell()
	}
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
	s.failures = 0
	if s.failing != nil {
		s.failing = nil
		s.tell()
	}
}

func (s *status) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.failures == 0 || now.Sub(s.last) > quietAfter {
		s.since, s.failures = now, 0
	}
	s.last = now
	s.failures++
	if s.failing == nil && s.failures > fewFailures && now.Sub(s.since) >= s.after {
		s.failing = fmt.Errorf("nothing was delivered since %s, to any tenant; the last error: %w", s.since.UTC().Format(time.RFC3339), err)
		s.tell()
	}
}

// storage is told why a file cannot be used, and nil when it can again.
func (s *status) storage(file string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.files[file]; (before == nil) == (err == nil) {
		return
	}
	if s.files == nil {
		s.files = make(map[string]error)
	}
	if s.files[file] = err; err == nil {
		delete(s.files, file)
	}
	s.tell()
}

// tell says how it is. mu is held.
func (s *status) tell() {
	if s.host == nil {
		return
	}
	errs := []error{s.failing}
	for _, file := range slices.Sorted(maps.Keys(s.files)) {
		errs = append(errs, s.files[file])
	}
	event := componentstatus.NewEvent(componentstatus.StatusOK)
	if err := errors.Join(errs...); err != nil {
		event = componentstatus.NewRecoverableErrorEvent(err)
	}
	componentstatus.ReportStatus(s.host, event)
}

package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// keep finds a place for a share that the queue refused while it took others of the same call. A receiver can only answer for the whole call, and after an error
// its sender repeats all of it: the others would get their data again with every repetition. So the share is parked; where the park has no room it is dropped
// and counted. A tenant whose organisation is not known yet is parked as one without.
//
// With false the share has to be given back all the same: it can be kept nowhere that survives a crash, or not be kept as it is.
func (e *signalExporter[D, R]) keep(ctx context.Context, tenant string, s *share[R]) bool {
	d := e.dispatcher.Load()
	why := s.err
	if s.mapping == nil && errors.Is(why, credential.ErrNotReady) && d.Await(tenant) {
		e.open(tenant, s, s.items)
		for _, r := range s.of {
			e.add(s, r)
		}
		if journal, ok := s.mapping.(journalling); ok && journal.prepare(tenant, s.org) != nil {
			return false
		}
		s.requests, s.tooLarge = e.requests(tenant, s)
		if len(s.requests) == 0 {
			e.taken(ctx, tenant, s)
			return true
		}
	}
	parked, err := d.ParkIfRoom(why, s.requests...)
	switch {
	case err != nil:
		return false
	case parked:
		e.taken(ctx, tenant, s)
		return true
	}
	s.rollback()
	lost, text := intake.ReasonParkFull, "neither the queue nor the park has room for it"
	if s.mapping != nil && s.requests == nil {
		lost, text = intake.ReasonOrgChanged, "it cannot be mapped again"
	}
	e.telemetry.refused(lost, s.items, fmt.Errorf("tenant %s: %s, and others of its call were taken: %w", tenant, text, why))
	return true
}

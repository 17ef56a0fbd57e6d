package datadogoauthexporter

import (
	"context"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// keep finds a place for a share that the queue refused while it took others of the same call. A receiver can only answer for the whole call, and after an error
// its sender repeats all of it: the others would get their data again with every repetition. So the share is parked; where the park has no room it is dropped
// and counted.
//
// With false the share has to be given back all the same: it can be kept nowhere that survives a crash, or nobody knows yet whose organisation it is for. Were that one
// parked, it could go to another organisation than the one that the tenant has at the moment.
func (e *signalExporter[D, R]) keep(ctx context.Context, tenant string, s *share[R]) bool {
	if s.mapping == nil {
		return false
	}
	why := s.err
	parked, err := e.dispatcher.Load().ParkIfRoom(s.requests...)
	switch {
	case err != nil:
		return false
	case parked:
		e.taken(ctx, tenant, s)
		return true
	}
	s.rollback()
	lost, text := intake.ReasonParkFull, "neither the queue nor the park has room for it"
	if s.requests == nil {
		lost, text = intake.ReasonOrgChanged, "it cannot be mapped again"
	}
	e.telemetry.refused(lost, s.items, fmt.Errorf("tenant %s: %s, and others of its call were taken: %w", tenant, text, why))
	return true
}

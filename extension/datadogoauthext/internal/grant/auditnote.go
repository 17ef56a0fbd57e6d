package grant

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
)

// Note records what changes nothing and is to be known all the same, such as a login or an order that was refused. The context says who did it;
// where it does not, r.Actor does. r.What is a few fixed words; Tenant may be empty; Reason is for people. None of it is secret.
//
// What strangers can cause, or programs again and again, has to be Routine, and what any operator can do as often as they like has to be Minor: these are the
// first to go, so nobody pushes out what others did.
func (s *Service) Note(ctx context.Context, r audit.Record) error {
	r.Tenant = readable(r.Tenant)
	return s.change(ctx, func(tx *txn) error {
		tx.notes = append(tx.notes, r)
		return nil
	})
}

// readable bounds a name that nobody has.
func readable(tenant string) string {
	if CheckReadable(tenant) != nil {
		return audit.OneLine(tenant, maxTenantBytes)
	}
	return tenant
}

// NoteAnyway is Note for what happened already, and with the caller's end is not undone: it takes little time, and what cannot be recorded is
// logged. A collector that only sends has no store to write to, and logs the record itself.
func (s *Service) NoteAnyway(ctx context.Context, r audit.Record) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseFor)
	defer cancel()
	err := s.Note(ctx, r)
	if errors.Is(err, ErrSendOnly) {
		if by := actorOf(ctx); by != (Actor{}) {
			r.Actor = by
		}
		r.Tenant = readable(r.Tenant)
		s.audits.tell(r)
		return
	}
	if err != nil {
		s.log.Warn("The audit lacks a record", zap.String("what", r.What), zap.String("tenant", r.Tenant), zap.String("reason", audit.OneLine(r.Reason, maxDescriptionBytes)), zap.Error(err))
	}
}

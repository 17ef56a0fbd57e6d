package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// AuditOptions bound what is kept of the audit.
type AuditOptions struct {
	// Retention is how long a record is kept; zero means DefaultAuditRetention. Routine ones are kept for RoutineRetention at most.
	Retention time.Duration
	// MaxRecords is how many there are; zero means DefaultAuditRecords. Beyond that the oldest go, routine ones first, then minor ones.
	MaxRecords int
}

// The defaults of AuditOptions.
const (
	DefaultAuditRetention = 8760 * time.Hour
	DefaultAuditRecords   = 500_000
)

const (
	// RoutineRetention is for what happens all the time, such as the replacement of a token by the next one.
	RoutineRetention = 7 * 24 * time.Hour

	// auditSweepEvery is how often the audit is swept, and maxAuditSwept how much of it goes at a time, some hundred in each step.
	auditSweepEvery = time.Hour
	maxAuditSwept   = 50_000
	auditSweepStep  = 200
)

// sweepAudit deletes what is older than it is kept, then what is too much. Of several collectors one does it.
func (s *Service) sweepAudit(ctx context.Context) {
	if !s.windows.enter("sweep/audit", s.now(), auditSweepEvery) {
		return
	}
	err := s.tryLease(ctx, "audit", func(ctx context.Context, _ uint64) error {
		now, kept := s.now(), s.auditOptions
		for _, class := range audit.Classes() {
			prefix, retention := audit.Prefix(class), kept.Retention
			if class == audit.Routine {
				retention = min(retention, RoutineRetention)
			}
			if _, err := s.sweepAudited(ctx, store.Range{After: prefix, Before: prefix + audit.From(now.Add(-retention))}, maxAuditSwept); err != nil {
				return err
			}
		}
		excess, err := s.auditExcess(ctx, kept.MaxRecords)
		for _, class := range audit.Classes() {
			if err != nil || excess <= 0 {
				break
			}
			var swept int
			swept, err = s.sweepAudited(ctx, store.Prefix(audit.Prefix(class)), excess)
			excess -= swept
		}
		return err
	})
	if err != nil && !errors.Is(err, errElsewhere) && ctx.Err() == nil {
		s.log.Warn("Old records of the audit were not all deleted; trying again", zap.Error(err))
	}
}

// auditExcess is how many records there are beyond those that may be.
func (s *Service) auditExcess(ctx context.Context, most int) (int, error) {
	excess := -most
	for _, class := range audit.Classes() {
		r := store.Prefix(audit.Prefix(class))
		r.KeysOnly = true
		if err := s.st.Range(ctx, store.KindAudit, r, func(store.Record) error { excess++; return nil }); err != nil {
			return 0, fmt.Errorf("%w: read: %w", errStore, err)
		}
	}
	return excess, nil
}

// sweepAudited deletes the oldest records of a range, at most so many, with what the index says of them. Nothing is opened for that.
func (s *Service) sweepAudited(ctx context.Context, r store.Range, most int) (swept int, err error) {
	r.KeysOnly = true
	for swept < most {
		r.Limit = min(auditSweepStep, most-swept)
		var gone []store.Change
		var ids []string
		err := s.st.Range(ctx, store.KindAudit, r, func(raw store.Record) error {
			gone = append(gone, store.Change{Record: raw, Delete: true})
			if id, ok := audit.IDOf(raw.Key); ok {
				ids = append(ids, id)
			}
			return nil
		})
		found := len(gone)
		if err == nil {
			err = s.appendIndexed(ctx, &gone, ids)
		}
		if err == nil && len(gone) > 0 {
			err = s.apply(ctx, gone...)
		}
		switch {
		case errors.Is(err, store.ErrConflict): // sealed anew at this moment; the next sweep finds it
			return swept, nil
		case err != nil:
			return swept, fmt.Errorf("%w: sweep: %w", errStore, err)
		case len(gone) == 0:
			return swept, nil
		}
		swept += found
	}
	return swept, nil
}

// appendIndexed appends the deletion of what the index says of records.
func (s *Service) appendIndexed(ctx context.Context, gone *[]store.Change, ids []string) error {
	for _, id := range ids {
		raw, err := s.st.Get(ctx, store.KindAudit, audit.IndexKey(id))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		raw.Value = nil
		*gone = append(*gone, store.Change{Record: raw, Delete: true})
	}
	return nil
}

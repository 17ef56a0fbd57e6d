package grant

import (
	"context"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// SomeCheckReports tells yield of the latest reports of tenants whose names come behind after, in their order. It opens limit records at most.
// next is the name to go on from, empty where nothing is left: a tenant can have a record and no report yet, so fewer than limit are no sign of
// the end.
func (s *Service) SomeCheckReports(ctx context.Context, after string, limit int, yield func(check.Report)) (next string, err error) {
	if err := s.checkReady(); err != nil {
		return "", err
	}
	n, last := 0, ""
	err = s.st.Range(ctx, store.KindReport, store.Range{After: after, Limit: limit + 1}, func(raw store.Record) error {
		if n++; n > limit {
			next = last
			return nil
		}
		last = raw.Key
		if c, err := open[Checked](&s.vault, raw); err == nil && c.Report != nil {
			yield(s.latestOf(c))
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("%w: read: %w", errStore, err)
	}
	return next, nil
}

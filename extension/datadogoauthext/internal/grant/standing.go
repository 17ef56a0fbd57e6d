package grant

import (
	"context"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Quarantine says how far a restored store has recovered; ok is false for any other.
func (s *Service) Quarantine() (q Quarantine, ok bool) { return s.quarantined() }

// Revocations lists what is still to be done at Datadog about connections that ended, without the tokens, in no order.
func (s *Service) Revocations(ctx context.Context) ([]Revocation, error) {
	if err := s.checkReady(); err != nil {
		return nil, err
	}
	var all []Revocation
	unreadable := func(store.Record, error) {} // runRevocations logs it
	err := list(ctx, &s.vault, store.KindRevocation, unreadable, func(_ uint64, r Revocation) {
		r.Token = Token{}
		all = append(all, r)
	})
	if err != nil {
		return nil, fmt.Errorf("%w: read: %w", errStore, err)
	}
	return all, nil
}

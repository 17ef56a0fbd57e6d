package grant

import (
	"context"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// resealName is the right to seal the store anew, so that several processes do not do it at the same time.
const resealName = "reseal"

// reloadKeysets takes over keyset files that were replaced. changed says that one was: then records may open that did not, and others
// are not under the primary key any more.
func (s *Service) reloadKeysets() (changed bool) {
	for _, ks := range []*seal.Keyset{s.tokens, s.keys} {
		if ks == nil {
			continue
		}
		news, err := ks.Reload()
		changed = changed || news
		switch {
		case news:
			s.log.Info("A keyset file was replaced and is in use", zap.Stringer("keyset", ks))
		case err != nil: // once for each fault
			s.log.Error("A keyset file was not taken over", zap.Error(err))
		}
	}
	if changed {
		s.resealDue.Store(true)
	}
	return changed
}

// reseal seals what is not under the primary key of its keyset, so that older keys can be retired.
func (s *Service) reseal(ctx context.Context) {
	if !s.resealDue.CompareAndSwap(true, false) {
		return
	}
	err := s.tryLease(ctx, resealName, func(ctx context.Context, _ uint64) error {
		count, unreadable, err := seal.ResealAll(ctx, s.st, s.keyset, func(raw store.Record) { s.takeIn([]versioned{s.openAny(raw)}) })
		if count > 0 {
			s.log.Info("Records were sealed with the primary key of their keyset", zap.Int("records", count), zap.Int("unreadable", unreadable))
		}
		return err
	})
	if err != nil {
		s.resealDue.Store(true) // at the next pass
		if ctx.Err() == nil && s.windows.enter("\x00"+resealName, s.now(), longestBackoff) {
			s.log.Warn("The records were not all sealed with the primary key of their keyset; trying again", zap.Error(err))
		}
	}
}

package grant

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// validateEvery is how often a key is checked, at most, on account of refusals.
const validateEvery = 60 * time.Second

// Refused implements credential.Source. It returns at once; the key is validated in the background, once per window.
func (s *Service) Refused(tenant string, generation uint64) {
	cred, _ := s.Lookup(tenant)
	if cred == nil || cred.Generation() != generation || cred.Fresh() {
		return
	}
	org := cred.Org()
	if !s.windows.enter(cred.OrgText(), s.now(), validateEvery) {
		return
	}
	if s.ctx.Err() != nil {
		return
	}
	s.work.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, operation)
		defer cancel()
		if err := s.judgeKey(ctx, org, generation); err != nil {
			s.log.Warn("An API key that an intake refused could not be judged", zap.Stringer("org", org), zap.Error(err))
		}
	})
}

// judgeKey asks Datadog about a key. Only a clear no counts; the key is then refused until somebody acts: the customer
// may have revoked it on purpose.
func (s *Service) judgeKey(ctx context.Context, org credential.Org, generation uint64) error {
	o, at, err := s.readOrg(ctx, org)
	if err != nil || o.Generation != generation || o.APIKey == "" {
		return err
	}
	v, _, err := s.validate(ctx, at, o.APIKey)
	switch v {
	case keyValid:
		s.log.Warn("An intake refused an API key that Datadog calls valid; check that the organisation has the product",
			zap.Stringer("org", org), zap.String("last4", o.Last4), zap.String("host", at.Hostname(site.HostAPI)))
		return nil
	case keyUnjudged:
		return err
	}
	s.log.Error("Datadog refuses an API key; data of its tenants waits", zap.Stringer("org", org), zap.String("last4", o.Last4))
	return s.changeOrg(ctx, s.change, org, func(o *Org) error {
		if o.Generation != generation {
			return nil
		}
		return o.event(EvKeyRefused, refusedReason(*o, s.now()), s.now())
	})
}

func refusedReason(o Org, now time.Time) string {
	return fmt.Sprintf("Datadog refuses API key …%s since %s: it was probably revoked in the customer's Organization Settings; "+
		"if the connection is still wanted, send the customer the connect link, which makes another key", o.Last4, since(now))
}

// ageKeys ends the grace period of keys in the store. Credential.Fresh ends by the clock.
func (s *Service) ageKeys(ctx context.Context) {
	s.view.mu.Lock()
	var aged []credential.Org
	for _, h := range s.view.orgs {
		if h.rec.Key == KeyFresh && !s.now().Before(h.rec.MintedAt.Add(freshFor)) {
			aged = append(aged, h.rec.Org)
		}
	}
	s.view.mu.Unlock()
	for _, org := range aged {
		err := s.changeOrg(ctx, s.change, org, func(o *Org) error {
			if o.Key != KeyFresh {
				return nil
			}
			return o.event(EvAged, "", s.now())
		})
		if err != nil {
			s.log.Warn("The end of a key's grace period was not stored", zap.Stringer("org", org), zap.Error(err))
		}
	}
}

package grant

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// ErrSendOnly: a collector that only sends holds no tokens, and changes nothing.
var ErrSendOnly = errors.New("this collector only sends: it has no tokens and writes nothing; use one whose flow is enabled")

// readListed reads the grants of the listed tenants, and the organisations of those. Nothing else is opened.
func (s *Service) readListed(ctx context.Context, st store.Store) ([]store.Record, error) {
	var raws []store.Record
	read := func(kind store.Kind, key string) (raw store.Record, err error) {
		raw, err = st.Get(ctx, kind, key)
		if errors.Is(err, store.ErrNotFound) {
			return store.Record{}, nil
		}
		if err == nil {
			raws = append(raws, raw)
		}
		return raw, err
	}
	if _, err := read(store.KindQuarantine, QuarantineKey); err != nil {
		return nil, err
	}
	orgs := map[string]bool{}
	for _, tenant := range s.listed {
		raw, err := read(store.KindGrant, tenant)
		if err != nil {
			return nil, err
		}
		if g, ok := s.openAny(raw).rec.(Grant); ok {
			orgs[g.Org.String()] = true
		}
	}
	for org := range orgs {
		if _, err := read(store.KindOrg, org); err != nil {
			return nil, err
		}
	}
	s.copy.replace(raws)
	return raws, nil
}

// chosen leaves of what changed the grants of listed tenants and the organisations of those. An organisation that no listed tenant had
// before is read.
func (s *Service) chosen(ctx context.Context, changed []store.Record) ([]store.Record, error) {
	var raws []store.Record
	orgs := s.view.orgsInUse()
	for _, raw := range changed {
		if raw.Kind == store.KindQuarantine || raw.Kind == store.KindGrant && slices.Contains(s.listed, raw.Key) {
			raws = append(raws, raw)
			if g, ok := s.openAny(raw).rec.(Grant); ok && !orgs[g.Org.String()] {
				orgs[g.Org.String()] = true
				org, err := s.st.Get(ctx, store.KindOrg, g.Org.String())
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return nil, err
				}
				if err == nil {
					raws = append(raws, org)
				}
			}
		}
	}
	for _, raw := range changed {
		switch {
		case raw.Kind == store.KindOrg && orgs[raw.Key]:
			raws = append(raws, raw)
		case raw.Kind == store.KindCanary && raw.Key == keysCanary:
			s.copy.add([]store.Record{raw})
		}
	}
	s.copy.add(raws)
	return raws, nil
}

// orgsInUse are the organisations that tenants have.
func (v *view) orgsInUse() map[string]bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	orgs := map[string]bool{}
	for org := range v.tenants {
		orgs[org] = true
	}
	return orgs
}

// judgeHere asks Datadog about a key, and keeps the verdict in memory for this generation of it.
func (s *Service) judgeHere(ctx context.Context, org credential.Org, generation uint64) error {
	o := s.orgView(org)
	at, ok := site.ByDomain(org.Site)
	if !ok || o.Generation != generation || o.APIKey == "" {
		return nil
	}
	v, id, err := s.validate(ctx, at, o.APIKey)
	fields := []zap.Field{zap.Stringer("org", org), zap.String("last4", o.Last4)}
	switch {
	case v == keyUnjudged:
		return err
	case v == keyInvalid:
		if s.setRefused(org.String(), generation, true) {
			s.log.Error("Datadog refuses an API key; data of its tenants waits until the store brings another, or Datadog accepts this one again", fields...)
		}
	case o.belongsTo(id):
		if s.setRefused(org.String(), generation, false) {
			s.log.Info("Datadog accepts a refused API key again", fields...)
			return nil
		}
		s.calledValid(org, generation)
		s.log.Warn("An intake refused an API key that Datadog calls valid; check that the organisation has the product", fields...)
	}
	return nil
}

// setRefused reports whether it changed anything.
func (s *Service) setRefused(org string, generation uint64, refused bool) bool {
	v := &s.view
	v.mu.Lock()
	defer v.mu.Unlock()
	before, was := v.refused[org]
	if was = was && before == generation; was == refused {
		return false
	}
	delete(v.refused, org)
	if refused {
		v.refused[org] = generation
	}
	if s.Ready() {
		tenants := map[string]struct{}{}
		for t := range v.tenants[org].all() {
			tenants[t] = struct{}{}
		}
		s.publish(tenants)
	}
	return true
}

func refusedHere(o Org) string {
	return fmt.Sprintf("this collector found that Datadog refuses API key …%s; it is checked again every %s", o.Last4, recheckEvery)
}

// sendingPass is what a send-only collector does now and then: it asks again about the keys that it found refused, and looks for files that were replaced.
func (s *Service) sendingPass(ctx context.Context) {
	s.compareSettings(ctx)
	s.view.mu.Lock()
	var refused []Org
	for org, generation := range s.view.refused {
		if o := s.view.orgs[org].rec; o.Generation == generation {
			refused = append(refused, o)
		} else {
			delete(s.view.refused, org)
		}
	}
	s.view.mu.Unlock()
	now := s.now()
	atOnceBySite(ctx, refused, orgSite, func(ctx context.Context, o Org) {
		if !s.windows.enter("recheck/"+o.Org.String(), now, recheckEvery) {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, validateFor)
		defer cancel()
		if err := s.judgeHere(ctx, o.Org, o.Generation); err != nil {
			s.log.Debug("A refused API key could not be judged", zap.Stringer("org", o.Org), zap.Error(err))
		}
	})
	s.reportTrouble()
}

// validateFor bounds one question about a key.
const validateFor = 30 * time.Second

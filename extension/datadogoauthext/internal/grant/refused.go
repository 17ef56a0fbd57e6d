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
	s.life.spawn(func() {
		ctx, cancel := context.WithTimeout(s.life.stopping, operation)
		defer cancel()
		if err := s.judgeKey(ctx, org, generation); err != nil {
			s.log.Warn("An API key that an intake refused could not be judged", zap.Stringer("org", org), zap.Error(err))
		}
	})
}

// judgeKey asks Datadog about a key. A clear no refuses it; from then on only a consent makes another, since the customer may have
// revoked it on purpose, and a clear yes to this one takes it back into service.
func (s *Service) judgeKey(ctx context.Context, org credential.Org, generation uint64) error {
	if s.sendOnly {
		return s.judgeHere(ctx, org, generation)
	}
	o, at, err := s.readOrg(ctx, org)
	if err != nil || o.Generation != generation || o.APIKey == "" {
		return err
	}
	v, id, err := s.validate(ctx, at, o.APIKey)
	fields := []zap.Field{zap.Stringer("org", org), zap.String("last4", o.Last4), zap.String("host", at.Hostname(site.HostAPI))}
	serves := o.Key == KeyOK || o.Key == KeyFresh
	switch {
	case v == keyUnjudged:
		return err
	case v == keyInvalid && !serves:
		return nil // as it was
	case v == keyInvalid:
		s.log.Error("Datadog refuses an API key; data of its tenants waits", fields...)
		return s.keyEvent(ctx, org, generation, EvKeyRefused, refusedReason(o, s.now()))
	case !o.belongsTo(id) && !serves:
		return nil
	case !o.belongsTo(id):
		s.log.Error("An API key belongs to another organisation than its grant; nothing is sent with it", append(fields, zap.String("owner", id))...)
		return s.changeGeneration(ctx, org, generation, func(o *Org) error {
			o.Foreign = true
			return o.event(EvKeyRefused, foreignReason(*o), s.now())
		})
	case serves:
		s.calledValid(org, generation)
		s.log.Warn("An intake refused an API key that Datadog calls valid; check that the organisation has the product", fields...)
	default:
		s.log.Info("Datadog accepts a refused API key again", fields...)
	}
	return s.changeGeneration(ctx, org, generation, func(o *Org) error { return o.validated(id, s.now()) })
}

// belongsTo reports whether a key that Datadog called valid is the organisation's. id is the owner that Datadog named, or empty.
func (o Org) belongsTo(id string) bool { return id == o.ID || id == "" && !o.Foreign }

// changeGeneration stores a judgement on one generation of the key. While another is being minted it comes too late to matter.
func (s *Service) changeGeneration(ctx context.Context, org credential.Org, generation uint64, edit func(*Org) error) error {
	return s.changeOrg(ctx, s.change, org, func(o *Org) error {
		if o.Generation != generation || o.APIKey == "" || o.Key == KeyMinting {
			return nil
		}
		return edit(o)
	})
}

// keyEvent is changeGeneration for an event alone.
func (s *Service) keyEvent(ctx context.Context, org credential.Org, generation uint64, ev KeyEvent, reason string) error {
	return s.changeGeneration(ctx, org, generation, func(o *Org) error { return o.event(ev, reason, s.now()) })
}

func foreignReason(o Org) string {
	return fmt.Sprintf("Datadog says that the stored key …%s belongs to another organisation than %s; send the customer the connect link, with a single organisation logged in",
		o.Last4, o.ID)
}

// recheckEvery is how often a stored key that does not serve is validated again. That mints nothing: the answer that refused it, or the
// mint that was to replace it and failed, may have been a fault of Datadog's.
const recheckEvery = 10 * time.Minute

// idle reports whether a key is stored that does not serve and that nobody is about to replace.
func (o Org) idle() bool {
	return o.APIKey != "" && o.Key != KeyOK && o.Key != KeyFresh && o.Key != KeyMinting
}

// recheckKeys validates the keys that do not serve.
func (s *Service) recheckKeys(ctx context.Context) {
	now := s.now()
	var idle []Org
	s.view.mu.Lock()
	for _, h := range s.view.orgs {
		if h.rec.idle() && !now.Before(h.rec.KeySince.Add(recheckEvery)) {
			idle = append(idle, h.rec)
		}
	}
	s.view.mu.Unlock()
	atOnceBySite(ctx, idle, orgSite, func(ctx context.Context, o Org) {
		if !s.windows.enter("recheck/"+o.Org.String(), now, recheckEvery) {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, operation)
		defer cancel()
		if err := s.judgeKey(ctx, o.Org, o.Generation); err != nil {
			s.log.Debug("An API key that does not serve could not be judged", zap.Stringer("org", o.Org), zap.Error(err))
		}
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

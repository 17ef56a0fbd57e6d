package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const (
	// maxMintAttempts: an unknown outcome is tried once more, then ends in a named state.
	maxMintAttempts = 2
	mintRepeatAfter = time.Second
)

// ensureKey makes sure that an organisation has an API key that works. A stored key that validates is kept; else one is
// minted. It is called for a customer's consent or to finish what an earlier process began, never on a refusal alone.
func (s *Service) ensureKey(ctx context.Context, org credential.Org, accessToken string) error {
	return s.fly(ctx, &s.mints, org.String(), func(ctx context.Context) error {
		return s.withLease(ctx, mintName(org), func(fence uint64) error {
			if err := s.save(ctx, mintName(org)); err != nil {
				return err
			}
			keep, err := s.checkStoredKey(ctx, org, fence)
			if keep || err != nil {
				return err
			}
			return s.mint(ctx, org, accessToken, fence, 0)
		})
	})
}

// mintName names the right to mint for an organisation, and what was minted.
func mintName(org credential.Org) string { return "mint/" + org.String() }

// checkStoredKey reports whether the key that we hold, if any, is to be kept.
func (s *Service) checkStoredKey(ctx context.Context, org credential.Org, fence uint64) (keep bool, err error) {
	o, at, err := s.readOrg(ctx, org)
	if err != nil || o.APIKey == "" {
		return false, err
	}
	if o.Key == KeyMinting && o.Mint.Stored {
		return true, s.admitKey(ctx, org, fence)
	}
	v, id, err := s.validate(ctx, at, o.APIKey)
	switch {
	case v == keyInvalid && s.now().Before(o.MintedAt.Add(freshFor)):
		return true, nil // Datadog may not know it everywhere yet
	case v == keyInvalid:
		return false, s.orgEvent(ctx, org, EvKeyRefused, refusedReason(o, s.now()))
	case v == keyValid && !o.belongsTo(id):
		return false, s.changeOrg(ctx, s.change, org, func(o *Org) error {
			o.Foreign = true
			return o.event(EvKeyRefused, fmt.Sprintf("the stored key …%s belongs to another organisation than %s", o.Last4, org.ID), s.now())
		})
	case v == keyValid:
		return true, s.orgEvent(ctx, org, EvValidated, "")
	case o.Key == KeyOK || o.Key == KeyFresh:
		return true, nil // no verdict, and it served until here
	default:
		// Minting would end in 409 where the key is good after all.
		return false, &callError{kind: callUnanswered, doing: "check the stored API key …" + o.Last4, cause: err, advice: "it could not be checked, so no other was minted; open the connect link again in a few minutes"}
	}
}

// mint asks for a key, journalled: intent, call, durable result, then use. attempts were made before, by a process that
// ended in between.
func (s *Service) mint(ctx context.Context, org credential.Org, accessToken string, fence uint64, attempts int) error {
	_, at, err := s.readOrg(ctx, org)
	if err != nil {
		return err
	}
	for {
		attempts++
		if err := s.beginMint(ctx, org, fence, attempts); err != nil {
			return err
		}
		var key mintedKey
		err := s.repeated(ctx, func() (err error) { // neither made a key
			key, err = s.mintCall(ctx, at, accessToken)
			return err
		}, callUnsent, callThrottled)
		if err == nil {
			if err := s.storeKey(ctx, org, key, fence); err != nil {
				return err
			}
			return s.admitKey(ctx, org, fence)
		}
		lost := attempts > 1
		switch kind := kindOf(err); {
		case kind == callUnanswered && attempts < maxMintAttempts:
			s.minted(ctx, "unanswered")
			if err := s.pause(ctx, mintRepeatAfter); err != nil {
				return err // the journal stays; the next start goes on from it
			}
			continue
		case kind == callUnanswered:
			return s.mintFailed(ctx, org, fence, EvMintUnknown, "unknown", fmt.Errorf("%w: twice; open the connect link again to try once more. "+
				"If Datadog then says that a key exists, revoke the one whose name contains \"OAuth Client API Key\" first", err))
		case kind == callConflict:
			why := "it was made by another installation of this integration, or its value was lost"
			if lost {
				why = "the answer that held it was lost on the way"
			}
			return s.mintFailed(ctx, org, fence, EvMintConflict, "exists", fmt.Errorf("%w: a key exists already: %s. %s Then open the connect link again", err, why, keyRecovery(at)))
		case kind == callForbidden:
			return s.mintFailed(ctx, org, fence, EvMintRefused, "forbidden", err)
		default:
			return s.mintFailed(ctx, org, fence, EvMintRefused, "refused", fmt.Errorf("%w: no key was made; open the connect link again to try once more", err))
		}
	}
}

// beginMint stores the intent.
func (s *Service) beginMint(ctx context.Context, org credential.Org, fence uint64, attempts int) error {
	return s.changeOrg(ctx, s.change, org, func(o *Org) error {
		if o.Mint.Fence > fence {
			return errTakenOver(org)
		}
		o.Mint = MintJournal{Begun: s.now(), Attempts: attempts, Fence: fence}
		return o.event(EvMintBegun, "a key is being minted", s.now())
	})
}

// errTakenOver: the lease ran out, and somebody else has the right to mint. A finished journal keeps its fence for that.
func errTakenOver(org credential.Org) error {
	return fmt.Errorf("mint for org %s: another process took over", org)
}

// storeKey makes the answer durable. It is the only copy, so it is tried until it works.
func (s *Service) storeKey(ctx context.Context, org credential.Org, key mintedKey, fence uint64) error {
	keep := func(ctx context.Context, fn func(*txn) error) error { return s.keep(ctx, mintName(org), fn) }
	return s.changeOrg(ctx, keep, org, func(o *Org) error {
		if o.Mint.Fence > fence {
			return errTakenOver(org)
		}
		o.APIKey, o.KeyID, o.KeyName, o.Last4 = key.key, key.id, key.name, key.last4
		o.Generation++
		o.Foreign = false
		o.MintedAt, o.Mint.Stored = s.now(), true
		return nil
	})
}

// admitKey puts a stored key into service, unless Datadog says that it belongs to another organisation. A 403 does not
// count yet: a key seconds old is not known everywhere.
func (s *Service) admitKey(ctx context.Context, org credential.Org, fence uint64) error {
	o, at, err := s.readOrg(ctx, org)
	if err != nil {
		return err
	}
	v, id, _ := s.validate(ctx, at, o.APIKey)
	if v == keyValid && id != "" && id != org.ID {
		err := fmt.Errorf("the key …%s that %s gave belongs to organisation %s, but the grant to %s; nothing is sent with it. Open the connect link again, "+
			"with a single organisation logged in", o.Last4, at.Hostname(site.HostAPI), id, org.ID)
		if err := s.changeOrg(ctx, s.persist, org, func(o *Org) error { o.Foreign = true; return nil }); err != nil {
			return err
		}
		return s.mintFailed(ctx, org, fence, EvKeyRefused, "other_org", &callError{kind: callRefused, doing: "mint an API key", cause: err})
	}
	err = s.changeOrg(ctx, s.persist, org, func(o *Org) error {
		if o.Mint.Fence > fence {
			return errTakenOver(org)
		}
		o.Mint = MintJournal{Fence: fence}
		return o.event(EvMinted, "", s.now())
	})
	if err != nil {
		return err
	}
	s.minted(ctx, "minted")
	s.log.Info("An API key was minted", zap.Stringer("org", org), zap.String("last4", o.Last4), zap.Uint64("generation", o.Generation))
	return nil
}

// mintFailed ends an attempt in a named state whose reason is err's text.
func (s *Service) mintFailed(ctx context.Context, org credential.Org, fence uint64, ev KeyEvent, outcome string, err error) error {
	s.minted(ctx, outcome)
	s.log.Error("No API key for an organisation", zap.Stringer("org", org), zap.Error(err))
	writeErr := s.changeOrg(ctx, s.persist, org, func(o *Org) error {
		if o.Mint.Fence > fence {
			return errTakenOver(org)
		}
		o.Mint = MintJournal{Fence: fence}
		return o.event(ev, err.Error(), s.now())
	})
	if writeErr != nil {
		return writeErr
	}
	return err
}

// resumeMints goes on with what an earlier process left in its journal.
func (s *Service) resumeMints(ctx context.Context) {
	atOnce(ctx, s.unfinishedMints(), func(o Org) {
		err := s.fly(ctx, &s.mints, o.Org.String(), func(ctx context.Context) error { return s.resumeMint(ctx, o.Org) })
		if err != nil && s.windows.enter("unfinished/"+o.Org.String(), s.now(), longestBackoff) {
			s.log.Warn("An unfinished mint could not be finished; trying again", zap.Stringer("org", o.Org), zap.Error(err))
		}
	})
}

func (s *Service) resumeMint(ctx context.Context, org credential.Org) error {
	return s.withLease(ctx, mintName(org), func(fence uint64) error {
		if err := s.save(ctx, mintName(org)); err != nil {
			return err
		}
		o, _, err := s.readOrg(ctx, org)
		if err != nil || o.Key != KeyMinting {
			return err // somebody else finished it
		}
		if o.Mint.Stored {
			return s.admitKey(ctx, org, fence)
		}
		unknown := func(why string) error {
			return s.mintFailed(ctx, org, fence, EvMintUnknown, "unknown", fmt.Errorf("the mint begun at %s has no known outcome%s; open the connect link again. "+
				"If Datadog then says that a key exists, revoke the one whose name contains \"OAuth Client API Key\" first", since(o.Mint.Begun), why))
		}
		if o.Mint.Attempts >= maxMintAttempts {
			return unknown("")
		}
		token, err := s.anyAccessToken(ctx, org)
		if errors.Is(err, errNoGrant) {
			return unknown(", and no grant of the organisation is left to try again with")
		}
		if err != nil {
			return err
		}
		return s.mint(ctx, org, token, fence, o.Mint.Attempts)
	})
}

// unfinishedMints are the organisations in state minting. Going on with one that a flight works on joins that flight.
func (s *Service) unfinishedMints() []Org {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	var orgs []Org
	for _, h := range s.view.orgs {
		if h.rec.Key == KeyMinting {
			orgs = append(orgs, h.rec)
		}
	}
	return orgs
}

// readOrg reads an organisation from the store, and its site from the table: a stored site is checked each time it is used.
func (s *Service) readOrg(ctx context.Context, org credential.Org) (o Org, at site.Site, err error) {
	at, ok := site.ByDomain(org.Site)
	if !ok {
		return o, at, fmt.Errorf("org %s: %w", org, site.ErrUnknown)
	}
	o, found, err := get(s.reader(ctx), Org{Org: org})
	if err == nil && !found {
		err = fmt.Errorf("org %s: no such record", org)
	}
	return o, at, err
}

// changeOrg edits one organisation with change or persist.
func (s *Service) changeOrg(ctx context.Context, write func(context.Context, func(*txn) error) error, org credential.Org, edit func(*Org) error) error {
	return write(ctx, func(tx *txn) error {
		o, found, err := get(tx, Org{Org: org})
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("org %s: no such record", org)
		}
		if err := edit(&o); err != nil {
			return err
		}
		return tx.put(o)
	})
}

func (s *Service) orgEvent(ctx context.Context, org credential.Org, ev KeyEvent, reason string) error {
	return s.changeOrg(ctx, s.change, org, func(o *Org) error { return o.event(ev, reason, s.now()) })
}

func (s *Service) minted(ctx context.Context, outcome string) {
	if s.obs.Minted != nil {
		s.obs.Minted(ctx, outcome)
	}
}

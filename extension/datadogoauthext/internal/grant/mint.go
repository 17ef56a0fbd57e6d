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
// minted. It is called for a customer's consent or an operator's order, never on a refusal alone.
//
// Whoever comes with another token waits for the lease and then looks at what became of the key: an attempt that failed with another
// customer's permissions, or that goes on from an earlier process, is not theirs.
func (s *Service) ensureKey(ctx context.Context, org credential.Org, accessToken string) error {
	return s.fly(ctx, &s.mints, org.String()+" "+Hash(accessToken), func(ctx context.Context) error {
		return s.withLease(ctx, mintName(org), func(ctx context.Context, fence uint64) error {
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
			return o.event(EvKeyRefused, foreignReason(*o), s.now())
		})
	case v == keyValid:
		return true, s.changeOrg(ctx, s.change, org, func(o *Org) error { return o.validated(id, s.now()) })
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
	for cleared := false; ; {
		attempts++
		before, err := s.beginMint(ctx, org, fence, attempts)
		if err != nil {
			return err
		}
		var key mintedKey
		err = s.repeated(ctx, func() (err error) { // neither made a key
			key, err = s.mintCall(ctx, at, accessToken)
			return err
		}, callUnsent, callThrottled)
		if err == nil {
			if err := s.storeKey(ctx, org, key, fence, before.Generation); err != nil {
				return err
			}
			return s.admitKey(ctx, org, fence)
		}
		failed := mintFailure{ev: EvMintRefused, outcome: "refused", journal: &before.Mint}
		switch kind := kindOf(err); {
		case kind == callUnanswered && attempts < maxMintAttempts:
			s.minted(ctx, "unanswered")
			if err := s.pause(ctx, mintRepeatAfter); err != nil {
				return err // the journal stays; the next start goes on from it
			}
			continue
		case kind == callUnanswered:
			failed = mintFailure{ev: EvMintUnknown, outcome: "unknown"}
			err = fmt.Errorf("%w: twice; open the connect link again, or have the operator mint again, to try once more. "+
				"If Datadog then says that a key exists, revoke the one whose name contains %q first", err, keyNameMark)
		case kind == callConflict:
			var why error
			if !cleared {
				if why = s.clearLostKey(ctx, org, accessToken, fence, before.Mint.lost()); why == nil {
					s.minted(ctx, "lost_key_deleted")
					s.log.Info("An API key whose value was lost is deleted; another is minted", zap.Stringer("org", org))
					cleared, attempts = true, 0
					continue
				}
			} else {
				why = errors.New("its value was lost, and Datadog still refuses another after it was deleted")
			}
			failed.ev, failed.outcome = EvMintConflict, "exists"
			err = fmt.Errorf("%w: a key exists already: %w. %s Then open the connect link again, or have the operator mint again", err, why, keyRecovery(at))
		case kind == callForbidden:
			failed.outcome = "forbidden"
		default:
			err = fmt.Errorf("%w: no key was made; open the connect link again, or have the operator mint again, to try once more", err)
		}
		failed.err = err
		err = s.mintFailed(ctx, org, fence, failed)
		if errors.Is(err, errAnsweredLate) {
			return s.admitKey(ctx, org, fence)
		}
		return err
	}
}

// staleIntent: an attempt without an answer that is older is forgotten when the next one begins.
const staleIntent = 24 * time.Hour

// beginMint stores the intent and returns the record as it was before. The beginnings of earlier attempts without an answer are kept.
func (s *Service) beginMint(ctx context.Context, org credential.Org, fence uint64, attempts int) (before Org, err error) {
	err = s.changeOrg(ctx, s.change, org, func(o *Org) error {
		if o.Mint.Fence > fence {
			return errTakenOver(org)
		}
		if until, held := s.mintedElsewhere(*o); held {
			return fmt.Errorf("mint for org %s: %w", org, mayHold(until))
		}
		s.intents.note(mintName(org), fence) // whether or not the write succeeds
		before = *o
		now := s.now()
		o.Mint = o.Mint.next(now, attempts, fence)
		return o.event(EvMintBegun, "a key is being minted", now)
	})
	return before, err
}

// intend notes that a key is to be minted, in the step that stores the consent which asks for it: a stop before the mint begins is then
// followed by one. It changes nothing where there is a key, or an attempt under way.
func (o *Org) intend(now time.Time) error {
	if o.APIKey != "" || o.Key == KeyMinting {
		return nil
	}
	return o.event(EvMintBegun, "a customer gave consent, and a key is about to be minted", now)
}

// errTakenOver: the lease ran out, and somebody else has the right to mint. A finished journal keeps its fence for that.
func errTakenOver(org credential.Org) error {
	return fmt.Errorf("mint for org %s: another process took over", org)
}

// resumeMints goes on with what an earlier process left in its journal.
func (s *Service) resumeMints(ctx context.Context) {
	atOnceBySite(ctx, s.unfinishedMints(), orgSite, func(ctx context.Context, o Org) {
		err := s.fly(ctx, &s.mints, "resume "+o.Org.String(), func(ctx context.Context) error { return s.resumeMint(ctx, o.Org) })
		if err != nil && !errors.Is(err, errElsewhere) && ctx.Err() == nil && s.windows.enter("unfinished/"+o.Org.String(), s.now(), longestBackoff) {
			s.log.Warn("An unfinished mint could not be finished; trying again", zap.Stringer("org", o.Org), zap.Error(err))
		}
	})
}

func (s *Service) resumeMint(ctx context.Context, org credential.Org) error {
	return s.tryLease(ctx, mintName(org), func(ctx context.Context, fence uint64) error {
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
		if until, held := s.mintedElsewhere(o); held {
			return mayHold(until)
		}
		unknown := func(why string) error {
			return s.mintFailed(ctx, org, fence, mintFailure{ev: EvMintUnknown, outcome: "unknown", err: fmt.Errorf("the mint begun at %s has no known outcome%s; "+
				"open the connect link again, or have the operator mint again. If Datadog then says that a key exists, revoke the one whose name contains %q first",
				since(latest(o.Mint.Begun, o.KeySince)), why, keyNameMark)})
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

// unfinishedMints are the organisations in state minting, without those that another process may be at and those whose consent is so young
// that whoever stored it begins the mint: nobody does who wrote to an exclusive store before this service was made.
func (s *Service) unfinishedMints() []Org {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	var orgs []Org
	for _, h := range s.view.orgs {
		o := h.rec
		_, held := s.mintedElsewhere(o)
		young := o.Mint.Attempts == 0 && !o.Mint.Stored && s.now().Before(o.KeySince.Add(operation)) && (s.shared != nil || !o.KeySince.Before(s.made))
		if o.Key == KeyMinting && !held && !young {
			orgs = append(orgs, o)
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

// validated notes that Datadog called the key valid. id is the owner that it named, or empty.
func (o *Org) validated(id string, now time.Time) error {
	o.ValidatedAt = now
	o.Foreign = o.Foreign && id != o.ID
	return o.event(EvValidated, "", now)
}

func (s *Service) orgEvent(ctx context.Context, org credential.Org, ev KeyEvent, reason string) error {
	return s.changeOrg(ctx, s.change, org, func(o *Org) error { return o.event(ev, reason, s.now()) })
}

func (s *Service) minted(ctx context.Context, outcome string) {
	if s.obs.Minted != nil {
		s.obs.Minted(ctx, outcome)
	}
}

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

// errAnsweredLate: a process whose lease had run out went on and stored the key that Datadog had given it. It is the one that exists.
var errAnsweredLate = errors.New("the answer to an earlier attempt came late and is stored; the key is checked within a minute")

// storeKey makes the answer durable. It is the only copy, so it is tried until it works. generation is that of the organisation's key when
// the attempt began.
//
// A process that was stopped beyond its lease may find that another has the right to mint. Datadog makes one key, so where the other has
// none, the late one is taken all the same, for the other to go on with, unless that deleted it; the error is errAnsweredLate then.
func (s *Service) storeKey(ctx context.Context, org credential.Org, key mintedKey, fence, generation uint64) error {
	keep := func(ctx context.Context, fn func(*txn) error) error {
		return s.keep(ctx, mintName(org), overwriting(Org{Org: org}, fn))
	}
	late := false
	err := s.changeOrg(ctx, keep, org, func(o *Org) error {
		if late = o.Mint.Fence > fence; late {
			gone := key.id != "" && key.id == o.Mint.Deleted
			if gone || o.Generation != generation || o.Key != KeyNone && o.Key != KeyExistsUnknown && o.Key != KeyMinting {
				return fmt.Errorf("%w: %w", errTakenOver(org), errSuperseded)
			}
		}
		if err := o.event(EvMintBegun, "a key is stored, still to be checked", s.now()); err != nil {
			return err
		}
		o.APIKey, o.KeyID, o.KeyName, o.Last4 = key.key, key.id, key.name, key.last4
		o.Generation = max(o.Generation, generation) + 1 // the store may have gone back to an earlier one
		o.Foreign, o.ValidatedAt = false, time.Time{}
		o.MintedAt, o.Mint.Stored = s.now(), true
		return nil
	})
	if err == nil && late {
		s.minted(ctx, "late")
		s.log.Warn("The answer to a mint came after another process took over; its key is kept", zap.Stringer("org", org), zap.String("last4", key.last4))
		return fmt.Errorf("mint for org %s: %w", org, errAnsweredLate)
	}
	return err
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
		return s.mintFailed(ctx, org, fence, mintFailure{
			ev: EvKeyRefused, outcome: "other_org", journal: &MintJournal{}, err: &callError{kind: callRefused, doing: "mint an API key", cause: err},
		})
	}
	err = s.changeOrg(ctx, s.persist, org, func(o *Org) error {
		if o.Mint.Fence > fence {
			return errTakenOver(org)
		}
		o.Mint = MintJournal{Fence: fence}
		if v == keyValid {
			o.ValidatedAt = s.now()
		}
		return o.event(EvMinted, "", s.now())
	})
	if err != nil {
		return err
	}
	s.minted(ctx, "minted")
	s.log.Info("An API key was minted", zap.Stringer("org", org), zap.String("last4", o.Last4), zap.Uint64("generation", o.Generation))
	return nil
}

// mintFailure is how an attempt ends in a named state. Its reason is the text of err.
type mintFailure struct {
	ev      KeyEvent
	outcome string
	err     error
	// journal is what the attempt found; an answered one leaves it as it was. nil: what the attempt began stays, as it may have made a key.
	journal *MintJournal
}

// mintFailed stores how an attempt ended, and returns why. Where a late answer took its place, the error is errAnsweredLate and nothing is
// stored.
func (s *Service) mintFailed(ctx context.Context, org credential.Org, fence uint64, failed mintFailure) error {
	writeErr := s.changeOrg(ctx, s.persist, org, func(o *Org) error {
		if o.Mint.Fence > fence {
			return errTakenOver(org)
		}
		if o.Mint.Stored && failed.ev != EvKeyRefused {
			return errAnsweredLate
		}
		next := MintJournal{Begun: o.Mint.Begun, Lost: o.Mint.Lost, Fence: fence, Deleted: o.Mint.Deleted}
		if failed.journal != nil {
			next.Begun, next.Lost = failed.journal.Begun, failed.journal.Lost
		}
		o.Mint = next
		return o.event(failed.ev, failed.err.Error(), s.now())
	})
	if writeErr != nil {
		return writeErr
	}
	s.minted(ctx, failed.outcome)
	s.log.Error("No API key for an organisation", zap.Stringer("org", org), zap.Error(failed.err))
	return failed.err
}

package grant

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

const (
	// maxSpent is how many refreshes of a restored store may end in invalid_grant. Each may have cost a grant: a backup holds refresh
	// tokens that were replaced since, and sending one of those can end its whole family.
	maxSpent = 3
	// quarantineName is the right to refresh while a store is in quarantine.
	quarantineName = "quarantine"
	// quarantineSlice is how long one pass refreshes, one grant after the other, before it turns to its other work.
	quarantineSlice = 20 * time.Second
)

// errQuarantine: refreshes of a restored store ended in invalid_grant too often.
var errQuarantine = errors.New("the store came from a backup, and refreshes stopped after the first few that ended in invalid_grant: the refresh tokens " +
	"of the backup were replaced after it was made. API keys go on serving. Restore a later backup, or send the customers connect links; " +
	"to try the other grants regardless, end the quarantine through the admin API")

// quarantined is the quarantine that the store is in. A record of it that cannot be opened counts as one that stopped refreshes, since
// what it said is not known.
func (v *view) quarantined() (q Quarantine, ok bool) {
	if h, ok := v.quarantine[QuarantineKey]; ok {
		h.rec.Stopped = h.rec.Stopped || v.badQuarantine[QuarantineKey] != nil
		return h.rec, true
	}
	bad := v.badQuarantine[QuarantineKey] != nil
	return Quarantine{Stopped: bad}, bad
}

func (s *Service) quarantined() (Quarantine, bool) {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	return s.view.quarantined()
}

// proved reports whether Datadog vouched for a key since the store was restored.
func (q Quarantine) proved(o Org) bool {
	return !latest(o.ValidatedAt, o.MintedAt).Before(q.RestoredAt)
}

// refreshed reports whether a token is younger than the restore.
func (q Quarantine) refreshed(tok Token) bool { return !q.ofBackup(tok.RefreshedAt) }

// ofBackup reports whether what is of that time came with the backup. Where the mark of the restore cannot be opened, everything may have.
func (q Quarantine) ofBackup(at time.Time) bool {
	return q.RestoredAt.IsZero() || at.Before(q.RestoredAt)
}

// ofBackup reports whether the store is in quarantine and what is of that time came with the backup. Nothing is ended at Datadog on
// account of such: the backup may have been opened beside the store that it was taken from, to which it matters. What people order, or
// customers do, after the restore is done.
func (s *Service) ofBackup(at time.Time) bool {
	q, ok := s.quarantined()
	return ok && q.ofBackup(at)
}

// errOfBackup: what an order needs came with the backup, and nobody knows what it is worth.
var errOfBackup = errors.New("the store came from a backup, and this refresh token with it: it waits until the quarantine is over, or was ended through the admin API")

// sinceRestore is the time of what happens now, and never one at which it would seem to have come with a backup.
func (s *Service) sinceRestore() time.Time {
	q, _ := s.quarantined()
	return q.notBefore(s.now())
}

// notBefore is now, or the restore where the clock of whoever restored was ahead.
func (q Quarantine) notBefore(now time.Time) time.Time { return latest(now, q.RestoredAt) }

// unproved says that a key of a restored store is not to be used yet: to a sender that is a key that is missing, so what arrives waits
// aside until that changes. The caller holds mu.
func (v *view) unproved(tenant string, o Org) error {
	if q, ok := v.quarantined(); ok && !q.proved(o) {
		return fmt.Errorf("tenant %s: the store came from a backup, and its API key is validated before it is used: %w", tenant, credential.ErrKeyMissing)
	}
	return nil
}

// proveKeys validates the keys of a restored store. A key that cannot be judged is tried again at the next pass.
func (s *Service) proveKeys(ctx context.Context) {
	q, ok := s.quarantined()
	if !ok {
		return
	}
	keys := s.view.unprovedKeys(q)
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] }) // several processes share the work
	atOnceBySite(ctx, keys, orgSite, func(ctx context.Context, o Org) {
		ctx, cancel := context.WithTimeout(ctx, validateFor)
		defer cancel()
		if err := s.proveKey(ctx, q, o); err != nil && s.windows.enter("prove/"+o.Org.String(), s.now(), longestBackoff) {
			s.log.Warn("The API key of a restored organisation cannot be validated yet, so its data waits; trying again", zap.Stringer("org", o.Org), zap.Error(err))
		}
	})
	s.endQuarantineWhenDone(ctx)
}

func orgSite(o Org) string { return o.Site }

func (v *view) unprovedKeys(q Quarantine) []Org {
	v.mu.Lock()
	defer v.mu.Unlock()
	var keys []Org
	for _, h := range v.orgs {
		if o := h.rec; o.APIKey != "" && (o.Key == KeyOK || o.Key == KeyFresh) && !q.proved(o) {
			keys = append(keys, o)
		}
	}
	return keys
}

func (s *Service) proveKey(ctx context.Context, q Quarantine, known Org) error {
	o, at, err := s.readOrg(ctx, known.Org)
	if err != nil {
		return err
	}
	if o.Generation != known.Generation || q.proved(o) {
		return nil // another process did it, and memory learns of it
	}
	v, id, err := s.validate(ctx, at, o.APIKey)
	return s.afterProof(ctx, q, o, at, v, id, err)
}

// afterProof stores the verdict on a key.
func (s *Service) afterProof(ctx context.Context, q Quarantine, asked Org, at site.Site, v verdict, id string, err error) error {
	if v == keyUnjudged {
		return err
	}
	if v == keyInvalid || !asked.belongsTo(id) {
		s.log.Error("Datadog refuses an API key of the restored store; data of its tenants waits", zap.Stringer("org", asked.Org), zap.String("last4", asked.Last4), zap.String("host", at.Hostname(site.HostAPI)))
		return s.keyEvent(ctx, asked.Org, asked.Generation, EvKeyRefused, refusedReason(asked, s.now()))
	}
	return s.changeOrg(ctx, s.change, asked.Org, func(o *Org) error {
		if o.Generation == asked.Generation {
			o.ValidatedAt = q.notBefore(s.now())
		}
		return nil
	})
}

// restoredLease runs fn alone among all refreshes of all processes while the store is in quarantine, unless too many failed.
// A token that was refreshed, or given, since the restore is none of those that a backup brought.
func (s *Service) restoredLease(lease leaser, seen Token) leaser {
	return func(ctx context.Context, name string, fn func(context.Context, uint64) error) error {
		if q, ok := s.quarantined(); !ok || q.refreshed(seen) {
			return lease(ctx, name, fn)
		}
		return lease(ctx, quarantineName, func(ctx context.Context, _ uint64) error {
			if q, found, err := get(s.reader(ctx), Quarantine{}); err != nil || found && q.Stopped {
				return errors.Join(errQuarantine, err)
			}
			return lease(ctx, name, fn)
		})
	}
}

// spend counts a restored token that ended in invalid_grant, in the step that stores that.
func (s *Service) spend(tx *txn, before Token) error {
	q, found, err := get(tx, Quarantine{})
	if err != nil || !found || q.refreshed(before) {
		return nil //nolint:nilerr // a record that does not open stops refreshes by itself
	}
	q.Spent++
	q.Stopped = q.Stopped || q.Spent >= maxSpent
	return tx.put(q)
}

// endQuarantineWhenDone ends it once every key was judged, and every token was refreshed since the restore or waits for its customer.
func (s *Service) endQuarantineWhenDone(ctx context.Context) {
	q, ok := s.quarantined()
	if !ok || !s.view.recovered(q) {
		return
	}
	err := s.dropQuarantine(ctx, "every API key was judged and every grant was refreshed, or waits for its customer")
	if err != nil {
		s.log.Warn("The end of the quarantine was not stored; trying again", zap.Error(err))
		return
	}
	s.log.Info("The quarantine of the restored store is over: every API key was judged and every grant was refreshed, or waits for its customer")
}

// recovered reports whether nothing of a restored store is left to be tried.
func (v *view) recovered(q Quarantine) bool {
	if len(v.unprovedKeys(q)) > 0 {
		return false
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.badQuarantine[QuarantineKey] != nil {
		return false
	}
	for tenant, h := range v.tokens {
		fact, _ := v.tokenFact(tenant)
		if (fact == TokenOK || fact == TokenFailing) && h.rec.RefreshToken != "" && v.grants[tenant].rec.Hold != HoldDisconnected && !q.refreshed(h.rec) {
			return false
		}
	}
	return true
}

// EndQuarantine lets refreshes of a restored store go on as usual.
func (s *Service) EndQuarantine(ctx context.Context, by string) error {
	if err := s.checkReady(); err != nil {
		return err
	}
	if _, ok := s.quarantined(); !ok {
		return fmt.Errorf("%w: the store is in no quarantine", ErrRefused)
	}
	if err := s.dropQuarantine(ctx, orderText("ended", "", by)); err != nil {
		return err
	}
	s.log.Warn("The quarantine of the restored store was ended by an operator; refreshes go on as usual", zap.String("by", by))
	return nil
}

// dropQuarantine deletes the record, one that does not open too. why is for the audit.
func (s *Service) dropQuarantine(ctx context.Context, why string) error {
	return s.change(ctx, func(tx *txn) error {
		tx.why = why
		_, _, err := get(tx, Quarantine{})
		if errors.Is(err, errStore) {
			return err
		}
		tx.remove(Quarantine{})
		return nil
	})
}

// quarantineTrouble is what an operator should know of a restored store; nil when there is nothing.
func (s *Service) quarantineTrouble() error {
	q, ok := s.quarantined()
	switch {
	case !ok:
		return nil
	case q.Stopped:
		return errQuarantine
	default:
		return fmt.Errorf("the store was restored at %s from a backup of %s: API keys serve once they are validated, grants are refreshed one at a time, "+
			"and what the backup still had to revoke or delete waits", since(q.RestoredAt), since(q.BackupMade))
	}
}

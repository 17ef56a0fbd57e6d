package grant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

const (
	// copyAfter is how long a start waits for the store before the copy serves.
	copyAfter = 3 * time.Second
	// copyEvery is how often the copy is told that it is still what the store holds.
	copyEvery = time.Minute
	// kindCopied holds, under its own name, when the copy was last the same as the store.
	kindCopied store.Kind = "copied"
	// keysCanary is the name of the canary of the keys keyset.
	keysCanary = "keys"
)

// localCopy is what a send-only collector read of the store, sealed as it was, in a file of its own. Whoever reads the file learns no
// more than from the store, and needs the keys keyset for that.
//
// A copy can be wrong towards the past only: records are sealed for their tenant and version, so an old one is the worst that can be
// put there. A tenant that was disconnected or paused since is sent for until the store answers; a key that was revoked since is
// refused by Datadog. It is used by one goroutine.
type localCopy struct {
	st store.Store // nil: none
	// What is to be written; whole says that it is everything.
	waiting []store.Record
	whole   bool
	saved   time.Time // when the copy was last the same as the store
	said    string    // why it could not be written
}

func (c *localCopy) replace(raws []store.Record) {
	if c.st != nil {
		c.waiting, c.whole = raws, true
	}
}

func (c *localCopy) add(raws []store.Record) {
	if c.st != nil {
		c.waiting = append(c.waiting, raws...)
	}
}

// saveCopy writes what changed. It is called when the store has just answered.
func (s *Service) saveCopy(ctx context.Context) {
	c := &s.copy
	if c.st == nil || len(c.waiting) == 0 && !c.whole && s.now().Sub(c.saved) < copyEvery {
		return
	}
	err := s.writeCopy(ctx)
	if err == nil {
		c.waiting, c.whole, c.said, c.saved = nil, false, "", s.now()
		return
	}
	if text := err.Error(); text != c.said && ctx.Err() == nil {
		c.said = text
		s.log.Error("The local copy of the grants was not written; without the store a restart would serve what it held before", zap.Error(err))
	}
}

func (s *Service) writeCopy(ctx context.Context) error {
	c := &s.copy
	var kept []store.Record
	gone := map[string]store.Record{}
	if c.whole {
		canary, err := s.st.Get(ctx, store.KindCanary, keysCanary)
		if err != nil {
			return fmt.Errorf("read the canary of the keys keyset: %w", err)
		}
		kept = append(kept, canary)
		for _, kind := range []store.Kind{store.KindGrant, store.KindOrg, store.KindQuarantine} {
			err := c.st.List(ctx, kind, func(raw store.Record) error {
				gone[addressText(raw.Kind, raw.Key)] = raw
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	for _, raw := range c.waiting { // in the order of change
		address := addressText(raw.Kind, raw.Key)
		if raw.Value != nil {
			kept = append(kept, raw)
			delete(gone, address)
			continue
		}
		old, err := c.st.Get(ctx, raw.Kind, raw.Key)
		if err == nil {
			gone[address] = old
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	stamp, err := s.copyStamp()
	if err != nil {
		return err
	}
	if err := c.st.Import(ctx, append(kept, stamp)...); err != nil {
		return err
	}
	var drop []store.Change
	for _, raw := range gone {
		drop = append(drop, store.Change{Record: store.Record{Kind: raw.Kind, Key: raw.Key, Version: raw.Version}, Delete: true})
	}
	if len(drop) == 0 {
		return nil
	}
	return c.st.Apply(ctx, drop...)
}

// copyStamp is sealed like everything else, so that a copy cannot be made to look younger.
func (s *Service) copyStamp() (store.Record, error) {
	plain, err := s.now().MarshalText()
	if err != nil {
		return store.Record{}, err
	}
	label := seal.Label{Kind: string(kindCopied), Key: string(kindCopied), Version: 1}
	sealed, err := s.keys.Seal(label, plain)
	return store.Record{Kind: kindCopied, Key: string(kindCopied), Version: 1, Value: sealed}, err
}

// errNotACopy: a copy is stamped from its first write on, and a grant store never is.
var errNotACopy = errors.New("the file holds records of a grant store and is no copy of one; nothing was changed in it; name another file, which is made")

// CheckCopy makes sure that a store may be given as Options.Copy, which is overwritten: that it is empty, or a copy. Whether the keyset opens
// the stamp does not matter for that.
func CheckCopy(ctx context.Context, st store.Store) error {
	_, err := st.Get(ctx, kindCopied, string(kindCopied))
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	for _, kind := range store.Kinds() {
		if err := st.List(ctx, kind, func(store.Record) error { return errNotACopy }); err != nil {
			return err
		}
	}
	return nil
}

// loadCopy makes the service ready with the copy, if there is one that the keyset opens.
func (s *Service) loadCopy(ctx context.Context) {
	if s.copy.st == nil {
		return
	}
	saved, err := s.copyAge(ctx)
	if errors.Is(err, store.ErrNotFound) {
		s.copyFault("There is no local copy of the grants yet; lookups wait for the store", nil)
		return
	}
	if err != nil {
		s.copyFault("The local copy of the grants does not open; lookups wait for the store, which replaces it", err)
		return
	}
	raws, err := s.readListed(ctx, s.copy.st)
	s.copy.waiting, s.copy.whole = nil, false
	if err != nil {
		s.copyFault("The local copy of the grants cannot be read; lookups wait for the store, which replaces it", err)
		return
	}
	s.copy.saved = saved
	fresh := newLoading()
	for _, w := range s.openAll(raws) {
		fresh.take(w)
	}
	s.replaceAll(fresh)
	s.log.Warn("The grant store does not answer, so the local copy serves; what changed since is taken over when the store answers",
		zap.Time("copied", saved), zap.Duration("age", s.now().Sub(saved)), zap.Int("tenants", len(s.tenantNames())))
}

func (s *Service) copyFault(message string, err error) {
	if s.copy.said != message {
		s.copy.said = message
		s.log.Warn(message, zap.Error(err))
	}
}

// copyAge is when the copy was last the same as the store. It proves the keyset before anything else is read.
func (s *Service) copyAge(ctx context.Context) (saved time.Time, err error) {
	raw, err := s.copy.st.Get(ctx, kindCopied, string(kindCopied))
	if err != nil {
		return saved, err
	}
	_, plain, err := s.keys.Open(string(kindCopied), raw.Key, raw.Version, raw.Value)
	if err != nil {
		return saved, err
	}
	return saved, saved.UnmarshalText(plain)
}

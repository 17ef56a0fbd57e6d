package grant

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// followed are the kinds of which memory holds a view.
var followed = []store.Kind{
	store.KindQuarantine, store.KindClient, store.KindOrg, store.KindGrant, store.KindToken, store.KindFlow, store.KindLogin, store.KindPending,
}

// ErrRolledBack: a record went back to an older version. What it says is not believed, since a refresh token that was replaced since
// ends a grant when it is sent again.
var ErrRolledBack = errors.New("the store holds an older version of the record than this collector has seen: a backup was restored under it, the database failed over " +
	"to a copy that lacked its latest writes, or somebody put an old record back; if that was done on purpose, restart the collectors")

func rolledBack(raw store.Record, seen uint64) error {
	return fmt.Errorf("%s record: %w (version %d, seen %d)", raw.Kind, ErrRolledBack, raw.Version, seen)
}

// load reads every record, and makes the service ready. A grant or organisation that cannot be opened makes its tenants unreadable
// and no other. Tokens that cannot be opened stop nothing. Of a shared store it returns the place from which changes are to be read.
func (s *Service) load(ctx context.Context) (store.Cursor, error) {
	fresh := newLoading()
	at, err := s.readEach(ctx, func(w versioned) {
		s.resumeClient(w)
		fresh.take(w)
	})
	if err != nil {
		return 0, fmt.Errorf("read the grant store: %w", err)
	}
	s.replaceAll(fresh)
	s.log.Info("Grants are loaded", zap.Int("tenants", len(s.tenantNames())))
	return at, nil
}

// reload reads every record again, for a service that is ready. What vanished leaves the view.
func (s *Service) reload(ctx context.Context) (store.Cursor, error) {
	var all []versioned
	at, err := s.readEach(ctx, func(w versioned) { all = append(all, w) })
	if err == nil {
		all, err = s.settled(ctx, all)
	}
	if err == nil {
		var gone []versioned
		gone, err = s.vanished(ctx, all)
		all = append(all, gone...)
	}
	if err != nil {
		return 0, fmt.Errorf("read the grant store: %w", err)
	}
	s.takeIn(all)
	return at, nil
}

// readEach takes the place of a shared store before it reads, so that no change is missed. yield is given every record, those of a kind together.
func (s *Service) readEach(ctx context.Context, yield func(versioned)) (at store.Cursor, err error) {
	if s.shared != nil {
		if at, err = s.shared.Cursor(ctx); err != nil {
			return 0, err
		}
	}
	if s.sendOnly {
		raws, err := s.readListed(ctx, s.st)
		for _, w := range s.openAll(raws) {
			yield(w)
		}
		return at, err
	}
	for _, kind := range followed {
		err := s.st.List(ctx, kind, func(raw store.Record) error {
			yield(s.openAny(raw))
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return at, nil
}

func (s *Service) openAll(raws []store.Record) []versioned {
	all := make([]versioned, len(raws))
	for i, raw := range raws {
		all[i] = s.openAny(raw)
	}
	return all
}

// settled looks again at what contradicts memory: a record whose version is lower than one that was seen, without a deletion in between,
// and a deletion of which memory cannot tell whether it came before or after what it knows. This process may have written meanwhile.
func (s *Service) settled(ctx context.Context, all []versioned) ([]versioned, error) {
	last := make(map[string]int, len(all)) // index by address: an address that was deleted and made again comes twice
	for i, w := range all {
		last[addressText(w.kind, w.key)] = i
	}
	out := make([]versioned, 0, len(all))
	forgotten := map[string]bool{}
	for i, w := range all {
		address := addressText(w.kind, w.key)
		seen := s.view.seen(w.kind, w.key)
		deleted := w.rec == nil && w.err == nil
		forgotten[address] = forgotten[address] || deleted
		if deleted {
			out = append(out, w)
		}
		if last[address] != i || seen == 0 || !deleted && (forgotten[address] || w.version >= seen) {
			if !deleted {
				out = append(out, w)
			}
			continue
		}
		raw, err := s.st.Get(ctx, w.kind, w.key)
		switch {
		case errors.Is(err, store.ErrNotFound) && deleted:
		case errors.Is(err, store.ErrNotFound):
			out = append(out, versioned{kind: w.kind, key: w.key, version: seen})
		case err != nil:
			return nil, err
		case raw.Version < seen && !deleted:
			out = append(out, versioned{kind: w.kind, key: w.key, version: seen, err: rolledBack(raw, seen)})
		default:
			out = append(out, s.openAny(raw))
		}
	}
	return out, nil
}

// vanished are the records that memory knows and the store has no more.
func (s *Service) vanished(ctx context.Context, all []versioned) (gone []versioned, err error) {
	there := make(map[string]bool, len(all))
	for _, w := range all {
		there[addressText(w.kind, w.key)] = true
	}
	for _, w := range s.view.addresses() {
		if there[addressText(w.kind, w.key)] {
			continue
		}
		_, err := s.st.Get(ctx, w.kind, w.key) // this process may have written it since
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		if err != nil {
			gone = append(gone, w)
		}
	}
	return gone, nil
}

// addresses are those of all records in the view.
func (v *view) addresses() []versioned {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Concat(
		addressesOf(store.KindOrg, v.orgs), addressesOf(store.KindOrg, v.badOrgs), addressesOf(store.KindGrant, v.grants), addressesOf(store.KindGrant, v.badTenants),
		addressesOf(store.KindToken, v.tokens), addressesOf(store.KindToken, v.badTokens), addressesOf(store.KindPending, v.pendings), addressesOf(store.KindPending, v.badPendings),
		addressesOf(store.KindQuarantine, v.quarantine), addressesOf(store.KindQuarantine, v.badQuarantine), addressesOf(store.KindFlow, v.flows), addressesOf(store.KindLogin, v.logins),
	)
}

func addressesOf[T any](kind store.Kind, m map[string]T) []versioned {
	all := make([]versioned, 0, len(m))
	for key := range m {
		all = append(all, versioned{kind: kind, key: key})
	}
	return all
}

// resumeClient goes on with what an earlier process learnt about a client's credentials.
func (s *Service) resumeClient(w versioned) {
	rec, ok := w.rec.(Client)
	if !ok {
		return
	}
	if c, ok := s.clients[rec.Name]; ok && !rec.RejectedSince.IsZero() && rec.ClientID == c.cfg.ClientID {
		c.gate.resume(rec.RejectedSince)
	}
}

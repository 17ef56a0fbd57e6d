package grant

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

const (
	// notedEvery is how often the journal is read for people, however many of them look: that opens every entry.
	notedEvery = 10 * time.Second
	// MaxNoted bounds Noted.Latest.
	MaxNoted = 500
)

// Noted is what the journal says to people.
type Noted struct {
	// Waiting, Searching and Unknown count entries by their state. Those that do not open, or say none, are in no count.
	Waiting, Searching, Unknown int
	// Latest are entries whose state is unknown: the newest MaxNoted of them, newest first.
	Latest []NotedEntry
	// At is when the journal was read.
	At time.Time
}

// NotedEntry is what may be shown of an entry.
type NotedEntry struct {
	Org     credential.Org
	OrgName string // empty where it is not known
	Key     string
	credential.JournalNote
}

// Noted returns what the journal said some seconds ago at most, or longer ago while the store does not answer in time. The result is shared:
// it is not to be changed. A send-only service answers ErrSendOnly.
func (s *Service) Noted(ctx context.Context) (*Noted, error) {
	if s.sendOnly {
		return nil, ErrSendOnly
	}
	if err := s.checkReady(); err != nil {
		return nil, err
	}
	if known := s.noted.Load(); s.isFresh(known) {
		return known, nil
	}
	err := s.fly(ctx, &s.noting, "", s.readNoted)
	if err != nil && ctx.Err() == nil && s.windows.enter("\x00noted", s.now(), longestBackoff) {
		s.log.Warn("The journal could not be read for the status page; what was read of it before is shown", zap.Error(err))
	}
	known := s.noted.Load()
	if known == nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return known, nil
}

func (s *Service) isFresh(n *Noted) bool {
	return n != nil && s.now().Sub(n.At).Abs() < notedEvery
}

// readNoted opens every entry of the journal, and keeps no more than what is shown.
func (s *Service) readNoted(ctx context.Context) error {
	if s.isFresh(s.noted.Load()) { // somebody else's reading ended just before this one began
		return nil
	}
	n := &Noted{At: s.now()}
	err := list(ctx, &s.vault, store.KindJournal, func(store.Record, error) {}, func(_ uint64, rec Journal) {
		switch rec.Note.State {
		case credential.JournalWaiting:
			n.Waiting++
		case credential.JournalSearching:
			n.Searching++
		case credential.JournalUnknown:
			n.Unknown++
			n.Latest = append(n.Latest, NotedEntry{Org: rec.Org, Key: rec.Key, JournalNote: rec.Note})
			if len(n.Latest) >= 2*MaxNoted {
				n.Latest = newest(n.Latest)
			}
		}
	})
	if err != nil {
		return fmt.Errorf("%w: read: %w", errStore, err)
	}
	n.Latest = newest(n.Latest)
	s.view.nameOrgs(n.Latest)
	s.noted.Store(n)
	return nil
}

// newest sorts entries, and cuts them at MaxNoted.
func newest(all []NotedEntry) []NotedEntry {
	slices.SortFunc(all, func(a, b NotedEntry) int {
		if c := b.Since.Compare(a.Since); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(a.Org.String(), b.Org.String()), cmp.Compare(a.Key, b.Key))
	})
	return all[:min(len(all), MaxNoted)]
}

func (v *view) nameOrgs(all []NotedEntry) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range all {
		all[i].OrgName = v.orgs[all[i].Org.String()].rec.Name
	}
}

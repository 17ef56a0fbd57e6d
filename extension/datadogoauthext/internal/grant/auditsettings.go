package grant

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"sync"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
)

// Setting is one key of the configuration, or what is in a file that it names.
type Setting struct {
	Value string
	// Secret has a fingerprint in the place of the value.
	Secret bool
	// Unread says that the file cannot be read at the moment: what was recorded of it stands.
	Unread bool
}

// settings are those of this process.
type settings struct {
	read func() map[string]Setting // nil where nobody asks; it returns nil while they are not known
	mu   sync.Mutex                // guards seen
	seen map[string]Setting        // as they were recorded; nil before
}

// compareSettings records what differs from the settings that were recorded last: at the start all, later what changed since in this process,
// which are files that were replaced. Each collector that shares a store has settings of its own, so a start compares with those of
// whichever began last. One that only sends has nothing to compare with: its log has the settings of each start, and what changes later.
func (s *Service) compareSettings(ctx context.Context) {
	if s.settings.read == nil {
		return
	}
	s.settings.mu.Lock()
	defer s.settings.mu.Unlock()
	now, before := s.settings.read(), s.settings.seen
	if now == nil {
		return
	}
	for name, setting := range now {
		if was, ok := before[name]; ok && setting.Unread {
			now[name] = was
		}
	}
	if before != nil && maps.Equal(now, before) {
		return
	}
	if s.readOnly {
		s.tellSettings(now, before)
		s.settings.seen = now
		return
	}
	err := s.change(ctx, func(tx *txn) error { return tx.noteSettings(now, before) })
	if err == nil {
		s.settings.seen = now
	} else if ctx.Err() == nil && s.windows.enter("\x00settings", s.now(), longestBackoff) {
		s.log.Warn("The settings were not compared with those that were recorded last; trying again", zap.Error(err))
	}
}

// SettingsKnown says that Options.Settings returns them from now on. Grants that are not loaded yet are asked for first.
func (s *Service) SettingsKnown() {
	if s.sendOnly || s.Ready() {
		s.life.spawn(func() { s.compareSettings(s.life.stopping) })
	}
}

// tellSettings logs those that differ. Without a tokens keyset there is no key for fingerprints, so of a secret it says no more than that it is another one.
func (s *Service) tellSettings(now, before map[string]Setting) {
	diffs := []audit.Diff{{}}
	for _, name := range changedSettings(now, before, nil) {
		if diffs[len(diffs)-1].Full() {
			diffs = append(diffs, audit.Diff{})
		}
		switch d, setting := &diffs[len(diffs)-1], now[name]; {
		case setting.Unread:
		case setting.Secret || before[name].Secret:
			d.Secret(name, "setting", before[name].Value, setting.Value)
		default:
			d.Text(name, before[name].Value, setting.Value)
		}
	}
	for _, r := range settingsRecords(diffs, before == nil, before != nil) {
		s.audits.tell(r)
	}
}

// settingsRecords are the records of what differs. first says that nothing was recorded before, running that it was found after the start.
func settingsRecords(diffs []audit.Diff, first, running bool) (all []audit.Record) {
	note := audit.Record{What: "settings changed", Reason: "found at the start"}
	if first {
		note.What = "settings recorded"
	}
	if running {
		note.Reason = "found while the collector was running"
	}
	host, _ := os.Hostname()
	note.Reason += " of the collector on " + cmp.Or(host, "a host without a name")
	for _, d := range diffs {
		if note.Changes = d.Changes; len(note.Changes) > 0 {
			all = append(all, note)
		}
	}
	return all
}

// errNoFingerprints: the key that fingerprints are made with cannot be opened.
var errNoFingerprints = errors.New("the key that fingerprints are made with cannot be opened with the tokens keyset")

func (tx *txn) noteSettings(now, before map[string]Setting) error {
	stored, found, err := get(tx, auditSettings{})
	if errors.Is(err, errStore) {
		return err
	}
	key, err := tx.fingerprintKey()
	if err != nil {
		return err
	}
	if !key.Works() {
		return errNoFingerprints
	}
	next := auditSettings{maps.Clone(stored.Values)}
	if next.Values == nil {
		next.Values = map[string]string{}
	}
	diffs := []audit.Diff{{}} // of several records, where there are more changes than one holds
	for _, name := range changedSettings(now, before, stored.Values) {
		value := now[name].Value
		switch setting := now[name]; {
		case setting.Unread:
			continue
		case setting.Secret:
			value = key.Of("setting "+name, setting.Value)
		}
		if diffs[len(diffs)-1].Full() {
			diffs = append(diffs, audit.Diff{})
		}
		diffs[len(diffs)-1].Text(name, next.Values[name], value)
		if next.Values[name] = value; value == "" {
			delete(next.Values, name)
		}
	}
	if len(diffs[0].Changes) == 0 {
		return nil
	}
	tx.notes = append(tx.notes, settingsRecords(diffs, !found, before != nil)...)
	return tx.append(next)
}

// changedSettings are the names to compare, in order: at the start all that there are or were, later those that changed in this process.
func changedSettings(now, before map[string]Setting, stored map[string]string) []string {
	names := map[string]bool{}
	for name := range now {
		names[name] = before == nil || before[name] != now[name]
	}
	for name := range before {
		if _, ok := now[name]; !ok {
			names[name] = true
		}
	}
	if before == nil {
		for name := range stored {
			names[name] = true
		}
	}
	maps.DeleteFunc(names, func(_ string, changed bool) bool { return !changed })
	return slices.Sorted(maps.Keys(names))
}

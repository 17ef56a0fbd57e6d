package ctl

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// moving is what restore and copy do with records between the old place and the new one.
type moving struct {
	tokensFile, keysFile string
	evenUnreadable       bool
	lostTokens           bool

	tokens, keys *seal.Keyset
	what, from   string // what is done, from where, for the audit of the new store
	notice       string // what prepare found that the operator should know
	// streamed are the records that go along and are not in memory, and counts all that go along.
	streamed func(yield func(store.Record) error) error
	counts   map[store.Kind]int
}

func (c *command) movingFlags() *moving {
	m := &moving{}
	c.flags.StringVar(&m.tokensFile, "tokens-keyset", "", "")
	c.flags.StringVar(&m.keysFile, "keys-keyset", "", "")
	c.flags.BoolVar(&m.evenUnreadable, "even-unreadable", false, "")
	c.flags.BoolVar(&m.lostTokens, "lost-tokens-keyset", false, "")
	return m
}

func (m *moving) load(c *command) (err error) {
	m.tokens, m.keys, err = c.loadKeysets(m.tokensFile, m.keysFile)
	return err
}

func (c *command) loadKeysets(tokensFile, keysFile string) (tokens, keys *seal.Keyset, err error) {
	if tokens, err = c.loadKeyset("--tokens-keyset", tokensFile); err != nil {
		return nil, nil, err
	}
	keys, err = c.loadKeyset("--keys-keyset", keysFile)
	return tokens, keys, err
}

var (
	errUnreadable = errors.New("records do not open")
	errNoCanary   = errors.New("the canary of a keyset is missing")
	errNotLost    = errors.New("the given tokens keyset opens the store, so it is not lost")
)

// prepare checks the records with the keysets and returns them as they go into the new store, but for those of streamed kinds. exact says that
// the old store cannot have changed since.
func (m *moving) prepare(c *command, from *contents, exact bool) ([]store.Record, error) {
	records, made := from.Records, from.Made
	m.streamed = from.streamed
	const hint = "nothing was written; name the keysets that belong to this store with --tokens-keyset and --keys-keyset"
	if !exact {
		records = slices.DeleteFunc(slices.Clone(records), func(r store.Record) bool { return underWay(r.Kind) })
	}
	if m.lostTokens {
		if checkCanary(records, "tokens", m.tokens) == nil {
			return nil, c.fault(errNotLost, "nothing was written; leave out --lost-tokens-keyset, which would drop every refresh token, or name the keyset that replaces the lost one")
		}
		canary, err := seal.NewCanary("tokens", m.tokens)
		if err != nil {
			return nil, c.fault(err, hint)
		}
		records = append(m.withoutTokens(records), canary)
		m.streamed = func(func(store.Record) error) error { return nil } // they are sealed with what is lost
	}
	if err := errors.Join(checkCanary(records, "tokens", m.tokens), checkCanary(records, "keys", m.keys)); err != nil {
		return nil, c.fault(err, hint)
	}
	if checkCanary(records, "tokens", m.keys) == nil || checkCanary(records, "keys", m.tokens) == nil {
		return nil, c.fault(fmt.Errorf("--tokens-keyset %s and --keys-keyset %s: %w", m.tokensFile, m.keysFile, seal.ErrSharedKey),
			"nothing was written, since no collector would start on it; make one keyset for each with datadogoauthctl keyset create")
	}
	all := contents{Archive: store.Archive{Records: records}, streamed: m.streamed}
	found, err := grant.InspectEach(all.each, m.tokens, m.keys)
	if err != nil {
		return nil, c.fault(err, "nothing was written")
	}
	m.counts = found.Records
	if bad := found.Unreadable; len(bad) > 0 && !m.evenUnreadable {
		return nil, c.fault(fmt.Errorf("%d of %d %w, the first one is %s %s: %s", len(bad)+found.MoreUnreadable, countAll(found.Records), errUnreadable, bad[0].Kind, bad[0].Key, bad[0].Error),
			"nothing was written; an older backup may hold them, and --even-unreadable takes them along as they are: their tenants wait, the others go on")
	}
	if exact {
		return m.withAudit(c, records, grant.Quarantine{})
	}
	records, mark, err := grant.MarkRestored(records, m.tokens, m.keys, time.Now(), made)
	if errors.Is(err, grant.ErrClockBehind) {
		return nil, c.fault(err, "nothing was written; set the clock of this machine, then run the command again")
	}
	if err != nil {
		return nil, c.fault(err, "nothing was written")
	}
	m.notice, m.counts[store.KindQuarantine] = noticeOf(found, mark), 1
	return m.withAudit(c, records, mark)
}

// noticeOf says what the new store does differently from the one that the records come from.
func noticeOf(found *grant.Inspection, mark grant.Quarantine) string {
	sending := 0
	for _, t := range found.Tenants {
		if t.GrantVersion > 0 && (t.Hold == "" || t.Hold == grant.HoldNone) {
			sending++
		}
	}
	text := "It starts in quarantine: keys serve once they were validated, refreshes go one at a time and stop after three that Datadog refuses."
	if mark.Stopped {
		text = "It starts in quarantine: keys serve once they were validated. Refreshes are stopped, as they were where the records come from, until POST /v1/quarantine/end."
	}
	return text + fmt.Sprintf("\nData of %d tenants will be sent. Whoever disconnected since %s counts as connected again: disconnect such tenants before data arrives",
		sending, mark.BackupMade.UTC().Format(madeFormat))
}

const madeFormat = "2006-01-02 15:04:05 UTC"

// checkCanary makes sure that ks belongs to the records, and that they are those of a store.
func checkCanary(records []store.Record, name string, ks *seal.Keyset) error {
	i := slices.IndexFunc(records, func(r store.Record) bool { return r.Kind == store.KindCanary && r.Key == name })
	if i < 0 {
		return fmt.Errorf("%s keyset: %w: no collector with both keysets ever began this store", name, errNoCanary)
	}
	return seal.CheckCanary(records[i], ks)
}

// underWay tells the kinds of records that do not outlive the moment: the browser of a consent or a login is gone by the time that
// they are used, an invitation that was used or revoked since would work again, and so would a change of organisation that was
// rejected since, whose tokens were revoked.
func underWay(kind store.Kind) bool {
	return kind == store.KindFlow || kind == store.KindLogin || kind == store.KindInvitation || kind == store.KindPending
}

// withAudit adds a record of what is done, unless the new store will be exactly the old one.
func (m *moving) withAudit(c *command, records []store.Record, mark grant.Quarantine) ([]store.Record, error) {
	at := mark.RestoredAt
	if at.IsZero() {
		if !m.lostTokens {
			return records, nil
		}
		at = time.Now()
	}
	var d audit.Diff
	d.Text("from", "", m.from)
	d.Time("restored_at", time.Time{}, mark.RestoredAt)
	d.Time("backup_made", time.Time{}, mark.BackupMade)
	d.Text("records", "", countsText(m.counts))
	r := audit.Record{What: m.what, Actor: byCommand(), Reason: "with datadogoauthctl", Changes: d.Changes}
	if m.lostTokens {
		r.Reason += "; the tokens keyset is lost, so what it sealed is left out: tokens, links, reports and the audit until then"
	}
	noted, err := grant.SealAudit(m.tokens, m.keys, at, r)
	if err != nil {
		return nil, c.fault(err, "nothing was written")
	}
	m.counts[store.KindAudit] += len(noted)
	return append(records, noted...), nil
}

// byCommand is whoever runs this command, as far as the machine knows.
func byCommand() audit.Actor {
	name := "somebody"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += " on " + host
	}
	return audit.Actor{Kind: "operator", Name: name}
}

// withoutTokens leaves out what the tokens keyset seals.
func (m *moving) withoutTokens(records []store.Record) []store.Record {
	keysetOf := grant.KeysetOf(m.tokens, m.keys)
	return slices.DeleteFunc(slices.Clone(records), func(r store.Record) bool {
		if r.Kind == store.KindCanary {
			return r.Key == "tokens"
		}
		return keysetOf(r.Kind) == m.tokens
	})
}

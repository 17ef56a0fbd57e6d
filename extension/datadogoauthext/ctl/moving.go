package ctl

import (
	"errors"
	"fmt"
	"slices"
	"time"

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
)

// prepare checks the records with the keysets and returns them as they go into the new store. made is when they were read; exact
// says that the old store cannot have changed since.
func (m *moving) prepare(c *command, records []store.Record, made time.Time, exact bool) ([]store.Record, error) {
	const hint = "nothing was written; name the keysets that belong to this store with --tokens-keyset and --keys-keyset"
	if !exact {
		records = slices.DeleteFunc(slices.Clone(records), func(r store.Record) bool { return underWay(r.Kind) })
	}
	if m.lostTokens {
		canary, err := seal.NewCanary("tokens", m.tokens)
		if err != nil {
			return nil, c.fault(err, hint)
		}
		records = append(m.withoutTokens(records), canary)
	}
	if err := errors.Join(checkCanary(records, "tokens", m.tokens), checkCanary(records, "keys", m.keys)); err != nil {
		return nil, c.fault(err, hint)
	}
	if bad := grant.Inspect(records, m.tokens, m.keys).Unreadable; len(bad) > 0 && !m.evenUnreadable {
		return nil, c.fault(fmt.Errorf("%d of %d %w, the first one is %s %s: %s", len(bad), len(records), errUnreadable, bad[0].Kind, bad[0].Key, bad[0].Error),
			"nothing was written; an older backup may hold them, and --even-unreadable takes them along as they are: their tenants wait, the others go on")
	}
	records, err := grant.Moved(records, m.tokens, m.keys)
	if err == nil && !exact {
		records, err = grant.MarkRestored(records, m.keys, time.Now(), made)
	}
	if err != nil {
		return nil, c.fault(err, "nothing was written")
	}
	return records, nil
}

// checkCanary makes sure that ks belongs to the records, and that they are those of a store.
func checkCanary(records []store.Record, name string, ks *seal.Keyset) error {
	i := slices.IndexFunc(records, func(r store.Record) bool { return r.Kind == store.KindCanary && r.Key == name })
	if i < 0 {
		return fmt.Errorf("%s keyset: %w: no collector with both keysets ever began this store", name, errNoCanary)
	}
	return seal.CheckCanary(records[i], ks)
}

// underWay tells the kinds of records that do not outlive the moment: the browser of a consent or a login is gone by the time that
// they are used, and an invitation that was used or revoked since would work again.
func underWay(kind store.Kind) bool {
	return kind == store.KindFlow || kind == store.KindLogin || kind == store.KindInvitation
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

package ctl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

var errInUse = errors.New("the key is in use")

// keysetRetire takes a key out once it made sure that the store does not need it.
func keysetRetire(ctx context.Context, c *command) error {
	file := c.flags.String("keyset", "", "")
	id := c.idFlag()
	unused := c.flags.Bool("unused-anywhere", false, "")
	from := c.placeFlags("", wayFile, wayDSN, wayAdmin)
	if err := c.parse(); err != nil {
		return err
	}
	if *file == "" || *id == 0 {
		return c.misused("name the keyset file with --keyset and the key with --id")
	}
	ks, err := c.loadKeyset("--keyset", *file)
	if err != nil {
		return err
	}
	if err := checkRetirable(ks, uint32(*id)); err != nil {
		return c.fault(err, editHint(err))
	}
	if *unused && from.named() {
		return c.misused("--unused-anywhere looks at no store; name the store or give this flag, not both")
	}
	if !*unused {
		if err := from.check(c); err != nil {
			return err
		}
		if err := c.checkUnused(ctx, ks, uint32(*id), from); err != nil {
			return err
		}
	}
	if err := seal.Retire(*file, uint32(*id)); err != nil {
		return &Error{Err: err, Hint: editHint(err)}
	}
	return c.printf("retired key %d; give %s to every collector that uses it, and restart none before its log says that it seals with the primary key. Archives from before open with a copy of the old file only: take a backup\n", *id, *file)
}

// checkRetirable finds what needs no look at a store.
func checkRetirable(ks *seal.Keyset, id uint32) error {
	for _, key := range ks.Keys() {
		switch {
		case key.ID == id && key.Primary:
			return fmt.Errorf("%w: %d", seal.ErrPrimary, id)
		case key.ID == id:
			return nil
		}
	}
	return fmt.Errorf("%w: %d", seal.ErrNoKey, id)
}

// checkUnused looks for records that name the key. The name stands in clear in each, and is not proved; a record that is damaged
// there opens with no key anyway.
func (c *command) checkUnused(ctx context.Context, ks *seal.Keyset, id uint32, from *place) error {
	found, err := from.read(ctx, c)
	if err != nil {
		return err
	}
	defer found.release()
	belongs := slices.ContainsFunc(found.Records, func(r store.Record) bool {
		return r.Kind == store.KindCanary && seal.CheckCanary(r, ks) == nil
	})
	if !belongs {
		return c.fault(fmt.Errorf("no canary in %s opens with this keyset: %w", from, seal.ErrWrongKeyset), "name the store that this keyset belongs to; nothing was changed")
	}
	counts := map[store.Kind]int{}
	err = found.each(func(r store.Record) error {
		if by, ok := seal.KeyID(r.Value); ok && by == id {
			counts[r.Kind]++
		}
		return nil
	})
	if err != nil {
		return c.fault(err, from.hint(err))
	}
	if len(counts) == 0 {
		return nil
	}
	return c.fault(fmt.Errorf("%w: key %d seals %s in %s", errInUse, id, countsText(counts), from),
		"promote another key and let the collector that connects customers run with the file; it seals everything under the primary key within a minute, then run this again. Nothing was changed")
}

// countsText is such as "2 grant, 1 org records".
func countsText(counts map[store.Kind]int) string {
	var parts []string
	for _, kind := range store.Kinds() {
		if n := counts[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	if len(parts) == 0 {
		return "no records"
	}
	return strings.Join(parts, ", ") + " records"
}

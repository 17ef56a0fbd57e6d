package ctl

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/durable"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

var errNotEmpty = errors.New("the store holds records already, and one store is never put over another")

// checkFree makes sure that the place can become a new store, before any work is done for it.
func (p *place) checkFree(ctx context.Context, c *command) error {
	const hint = "nothing was written; name a file that does not exist, or a database in which no collector stored anything"
	if p.file != "" {
		if _, err := os.Lstat(p.file); err == nil {
			return c.fault(fmt.Errorf("%s: %w", p.file, errNotEmpty), hint)
		}
		return nil
	}
	st, err := p.openPostgres(c, false)
	if err != nil {
		return err
	}
	defer st.Close()
	for _, kind := range store.Kinds() {
		err := st.List(ctx, kind, func(store.Record) error { return errNotEmpty })
		if errors.Is(err, errNotEmpty) {
			return c.fault(fmt.Errorf("%s: %w", p, errNotEmpty), hint)
		}
		if err != nil {
			return c.fault(err, p.hint(err))
		}
	}
	return nil
}

// fill makes a new store of records, whole or not at all. A store file gets its name when it is complete.
func (p *place) fill(ctx context.Context, c *command, records []store.Record) error {
	defer c.working("writing " + p.String())()
	if p.dsnFile != "" {
		st, err := p.openPostgres(c, false)
		if err != nil {
			return err
		}
		err = errors.Join(st.Fill(ctx, records...), st.Close())
		if errors.Is(err, store.ErrConflict) {
			return c.fault(fmt.Errorf("%s: %w", p, errNotEmpty), "nothing was written; a collector or another command began the store a moment ago")
		}
		if err != nil {
			return c.fault(err, p.hint(err))
		}
		return nil
	}
	err := durable.Create(p.file, func(temp string) error {
		st, err := store.OpenBolt(temp, store.BoltOptions{})
		if err != nil {
			return err
		}
		return errors.Join(st.Import(ctx, records...), st.Close(), giveToOwnerOf(temp))
	})
	if err != nil {
		return c.fault(err, fileHint(err, p.file))
	}
	return nil
}

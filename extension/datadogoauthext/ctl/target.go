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

// fill makes a new store of records, whole or not at all, and of those that are streamed. A store file gets its name when it is complete; in a
// database the streamed ones follow, some at a time, and what is missing of them after an error harms nothing else.
func (p *place) fill(ctx context.Context, c *command, records []store.Record, streamed func(yield func(store.Record) error) error) error {
	defer c.working("writing " + p.String())()
	if p.dsnFile != "" {
		st, err := p.openPostgres(c, false)
		if err != nil {
			return err
		}
		defer st.Close()
		err = st.Fill(ctx, records...)
		if err == nil {
			if err := importStreamed(ctx, st, streamed); err != nil {
				return c.fault(err, "the store is complete but for some of its audit and reports, and collectors can use it; to have those too, empty the database and run the command again")
			}
			return nil
		}
		if errors.Is(err, store.ErrConflict) {
			return c.fault(fmt.Errorf("%s: %w", p, errNotEmpty), "nothing was written; a collector or another command began the store a moment ago")
		}
		return c.fault(err, p.hint(err))
	}
	err := durable.Create(p.file, func(temp string) error {
		st, err := store.OpenBolt(temp, store.BoltOptions{})
		if err != nil {
			return err
		}
		err = st.Import(ctx, records...)
		if err == nil {
			err = importStreamed(ctx, st, streamed)
		}
		return errors.Join(err, st.Close(), giveToOwnerOf(temp))
	})
	if err != nil {
		return c.fault(err, fileHint(err, p.file))
	}
	return nil
}

// importBytes is how much is imported at a time.
const importBytes = 4 << 20

func importStreamed(ctx context.Context, st store.Store, streamed func(yield func(store.Record) error) error) error {
	var batch []store.Record
	size := 0
	flush := func() error {
		err := st.Import(ctx, batch...)
		batch, size = batch[:0], 0
		return err
	}
	err := streamed(func(r store.Record) error {
		batch, size = append(batch, r), size+len(r.Key)+len(r.Value)
		if size < importBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return err
}

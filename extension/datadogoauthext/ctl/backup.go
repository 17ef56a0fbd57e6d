package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

var errNothingThere = errors.New("no collector ever began this store: it holds no canary")

// storeBackup writes an archive beside its name, reads it, and only then gives it the name.
func storeBackup(ctx context.Context, c *command) error {
	out := c.flags.String("out", "", "")
	from := c.placeFlags("", wayFile, wayDSN, wayAdmin)
	if err := c.parse(); err != nil {
		return err
	}
	if *out == "" {
		return c.misused("name the file of the archive with --out")
	}
	if err := from.check(c); err != nil {
		return err
	}
	if _, err := os.Lstat(*out); err == nil {
		return c.fault(fmt.Errorf("%s exists, and a backup is never overwritten", *out), "name another file, with the time in its name say")
	}
	done := c.working("reading " + from.String())
	counts := map[store.Kind]int{}
	err := writeNew(*out, func(file *os.File) (err error) {
		if err := from.writeArchive(ctx, c, file); err != nil {
			return err
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		archive, err := store.ReadArchiveTo(file, func(r store.Record) error { counts[r.Kind]++; return nil })
		if err != nil {
			return c.fault(err, adminCutHint)
		}
		for _, r := range archive.Records {
			counts[r.Kind]++
		}
		if counts[store.KindCanary] == 0 {
			return c.fault(fmt.Errorf("%s: %w", from, errNothingThere), "name the store that the collector uses; nothing was written")
		}
		return nil
	})
	done()
	if err != nil {
		return c.asFault(err, fileHint(err, *out))
	}
	return c.printf("wrote %s: %s\n", *out, countsText(counts))
}

// writeArchive writes what the store holds. A database is read and a collector is asked; neither is stopped.
func (p *place) writeArchive(ctx context.Context, c *command, w io.Writer) error {
	if p.admin.url != "" {
		return p.admin.download(ctx, c, w)
	}
	st, err := p.open(c)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := store.WriteArchive(ctx, st, w, time.Now()); err != nil {
		return c.fault(err, p.hint(err))
	}
	return nil
}

// asFault keeps the hint that an error has.
func (c *command) asFault(err error, hint string) error {
	if failed := (*Error)(nil); errors.As(err, &failed) {
		return failed
	}
	return c.fault(err, hint)
}

func fileHint(err error, path string) string {
	switch {
	case errors.Is(err, fs.ErrExist):
		return "name another file"
	case errors.Is(err, fs.ErrNotExist):
		return "create the directory first: mkdir -p -m 700 " + filepath.Dir(path)
	case errors.Is(err, fs.ErrPermission):
		return "name a file in a directory that this user may write to"
	default:
		return "nothing was written; make room or name another directory, then run the command again"
	}
}

package ctl

import (
	"context"
)

// storeRestore puts an archive into a new store. Everything that can be found wrong is found before anything is written.
func storeRestore(ctx context.Context, c *command) error {
	from := &place{}
	c.flags.StringVar(&from.archive, "from", "", "")
	to := c.placeFlags("", wayFile, wayDSN)
	m := c.movingFlags()
	m.what = "store restored"
	if err := c.parse(); err != nil {
		return err
	}
	if from.archive == "" {
		return c.misused("name the archive with --from")
	}
	if err := to.check(c); err != nil {
		return err
	}
	if err := m.load(c); err != nil {
		return err
	}
	if err := to.checkFree(ctx, c); err != nil {
		return err
	}
	found, err := from.read(ctx, c)
	if err != nil {
		return err
	}
	defer found.release()
	m.from = from.String()
	records, err := m.prepare(c, found, false)
	if err != nil {
		return err
	}
	if err := to.fill(ctx, c, records, m.streamed); err != nil {
		return err
	}
	return c.printf("restored %s of %s into %s. %s\n", countsText(m.counts), found.Made.UTC().Format(madeFormat), to, m.notice)
}

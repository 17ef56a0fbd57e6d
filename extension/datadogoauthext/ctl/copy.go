package ctl

import "context"

// storeCopy copies a store into a new one. A source file stays locked until the copy is complete.
func storeCopy(ctx context.Context, c *command) error {
	from := c.placeFlags("from-", wayFile, wayDSN, wayAdmin)
	to := c.placeFlags("to-", wayFile, wayDSN)
	m := c.movingFlags()
	m.what = "store copied"
	if err := c.parse(); err != nil {
		return err
	}
	for _, p := range []*place{from, to} {
		if err := p.check(c); err != nil {
			return err
		}
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
	records, err := m.prepare(c, found, found.exclusive)
	if err != nil {
		return err
	}
	if err := to.fill(ctx, c, records, m.streamed); err != nil {
		return err
	}
	const rest = "Let no collector use %s again: each store would spend the refresh tokens of the other"
	if found.exclusive {
		return c.printf("copied %s from %s to %s, exactly: nobody used the file meanwhile. "+rest+"\n", countsText(m.counts), from, to, from)
	}
	return c.printf("copied %s from %s to %s. What the source did since is not in the copy. %s. "+rest+"\n", countsText(m.counts), from, to, m.notice, from)
}

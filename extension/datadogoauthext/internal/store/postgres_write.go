package store

import (
	"context"
	"fmt"
)

// Apply implements Store.
func (s *Postgres) Apply(ctx context.Context, changes ...Change) error {
	if err := s.apply(ctx, changes); err != nil {
		return s.failed("write", err)
	}
	s.pruneNowAndThen(ctx)
	return nil
}

func (s *Postgres) apply(ctx context.Context, changes []Change) error {
	if s.readOnly {
		return errReadOnly
	}
	steps, err := fold(changes)
	if err != nil {
		return err
	}
	if len(steps) == 0 {
		return ctx.Err()
	}
	var a columns
	for _, step := range steps {
		a.add(step)
	}
	return s.write(ctx, callTimeout, applyStatement,
		pgTexts(a.kinds), pgByteas(a.keys), pgInts(a.expected), pgInts(a.next), pgByteas(a.values), pgInts(a.gone), pgText(s.self))
}

// applyStatement does everything where every expected version is there, and else returns how many are not. All parts of a statement
// see the records as they were when it began, which is after the lock of all writers was taken.
const applyStatement = `
WITH step AS MATERIALIZED (
	SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bigint[])
		AS step (kind, key, expected, next, value, gone)
), unmet AS MATERIALIZED (
	SELECT count(*) AS n FROM step LEFT JOIN datadogoauth.records AS r USING (kind, key) WHERE coalesce(r.version, 0) <> step.expected
), now AS MATERIALIZED (
	SELECT feed.position FROM datadogoauth.feed, unmet WHERE unmet.n = 0
), put AS (
	INSERT INTO datadogoauth.records (kind, key, version, value, changed)
	SELECT kind, key, next, value, position FROM step, now WHERE next > 0
	ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, value = excluded.value, changed = excluded.changed
), removed AS (
	DELETE FROM datadogoauth.records AS r USING step, now WHERE step.next = 0 AND r.kind = step.kind AND r.key = step.key
), buried AS (
	INSERT INTO datadogoauth.deletions (kind, key, version, changed)
	SELECT kind, key, gone, position FROM step, now WHERE gone > 0
	ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, changed = excluded.changed
), marked AS (
	INSERT INTO datadogoauth.commits (position, at) SELECT position, clock_timestamp() FROM now
), told AS MATERIALIZED (
	SELECT pg_notify('datadogoauth', $7) FROM now
)
SELECT n FROM unmet LEFT JOIN told ON true`

// Import implements Store. A record that was there counts as deleted first, so that whoever follows the changes forgets a version
// that may be higher.
func (s *Postgres) Import(ctx context.Context, records ...Record) error {
	if err := s.importAll(ctx, records); err != nil {
		return s.failed("import", err)
	}
	return nil
}

func (s *Postgres) importAll(ctx context.Context, records []Record) error {
	if s.readOnly {
		return errReadOnly
	}
	last := make(map[address]int, len(records)) // of two records at one address the later one stays
	for i, r := range records {
		if r.Version == 0 || r.Version > maxVersion {
			return fmt.Errorf("%s record: an imported record needs its version", r.Kind)
		}
		if err := checkAddress(r); err != nil {
			return err
		}
		last[address{r.Kind, r.Key}] = i
	}
	if len(records) == 0 {
		return ctx.Err()
	}
	var a columns
	for i, r := range records {
		if last[address{r.Kind, r.Key}] == i {
			a.add(step{address: address{r.Kind, r.Key}, next: r.Version, value: r.Value})
		}
	}
	return s.write(ctx, importTimeout, importStatement, pgTexts(a.kinds), pgByteas(a.keys), pgInts(a.next), pgByteas(a.values), pgText(s.self))
}

const importStatement = `
WITH incoming AS MATERIALIZED (
	SELECT * FROM unnest($1::text[], $2::bytea[], $3::bigint[], $4::bytea[]) AS incoming (kind, key, version, value)
), now AS MATERIALIZED (
	SELECT position FROM datadogoauth.feed
), buried AS (
	INSERT INTO datadogoauth.deletions (kind, key, version, changed)
	SELECT kind, key, r.version, position FROM datadogoauth.records AS r JOIN incoming USING (kind, key), now
	ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, changed = excluded.changed
), put AS (
	INSERT INTO datadogoauth.records (kind, key, version, value, changed)
	SELECT kind, key, version, value, position FROM incoming, now
	ON CONFLICT (kind, key) DO UPDATE SET version = excluded.version, value = excluded.value, changed = excluded.changed
), marked AS (
	INSERT INTO datadogoauth.commits (position, at) SELECT position, clock_timestamp() FROM now
), told AS MATERIALIZED (
	SELECT pg_notify('datadogoauth', $5) FROM now
)
SELECT 0::bigint FROM told`

// columns are steps as arrays, which is how a statement takes any number of them.
type columns struct {
	kinds                []string
	keys, values         [][]byte
	expected, next, gone []int64
}

func (c *columns) add(s step) {
	c.kinds = append(c.kinds, string(s.kind))
	c.keys = append(c.keys, []byte(s.key))
	c.values = append(c.values, s.value)
	c.expected = append(c.expected, int64(s.expected))
	c.next = append(c.next, int64(s.next))
	c.gone = append(c.gone, int64(s.gone))
}

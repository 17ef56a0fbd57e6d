package store

import (
	"context"
	"fmt"
)

// Fill is Import into a store that lacks all of the records: where it holds any of them, in whatever version, nothing is written and
// the error is ErrConflict. Every store begins with its canaries; so of two who begin one with them at the same time, one fails.
func (s *Postgres) Fill(ctx context.Context, records ...Record) error {
	if err := s.fill(ctx, records); err != nil {
		return s.failed("fill", err)
	}
	return nil
}

func (s *Postgres) fill(ctx context.Context, records []Record) error {
	var a columns
	for _, r := range records {
		if r.Version == 0 || r.Version > maxVersion {
			return fmt.Errorf("%s record: an imported record needs its version", r.Kind)
		}
		if err := checkAddress(r); err != nil {
			return fmt.Errorf("%s record: %w", r.Kind, err)
		}
		a.add(step{address: address{r.Kind, r.Key}, next: r.Version, value: r.Value})
	}
	return s.write(ctx, importTimeout, applyStatement,
		pgTexts(a.kinds), pgByteas(a.keys), pgInts(a.expected), pgInts(a.next), pgByteas(a.values), pgInts(a.gone), pgText(s.self))
}

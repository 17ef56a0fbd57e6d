package store

import (
	"context"
	"time"

	"go.uber.org/zap"
)

const pruneEvery = 5 * time.Minute

// pruneStatement forgets commits at which no cursor has stood for an hour, then the deletions that only such a cursor would need, and
// the leases that ended a day ago.
//
// The horizon is the latest commit that is older than an hour, and stays: it was the latest of all until the one after it came, which
// may have been just now.
const pruneStatement = `
WITH horizon AS MATERIALIZED (
	SELECT max(position) AS position FROM datadogoauth.commits WHERE at < clock_timestamp() - interval '1 hour'
), passed AS (
	DELETE FROM datadogoauth.commits AS c USING horizon WHERE c.position < horizon.position
), forgotten AS (
	DELETE FROM datadogoauth.deletions AS d USING horizon WHERE d.changed <= horizon.position
), ended AS (
	DELETE FROM datadogoauth.leases WHERE expires < clock_timestamp() - interval '1 day'
)
SELECT 0::bigint`

// pruneNowAndThen is called after a write. Its failure harms nobody: the next one comes.
func (s *Postgres) pruneNowAndThen(ctx context.Context) {
	now := time.Now().UnixNano()
	next := s.pruneNext.Load()
	if now < next || !s.pruneNext.CompareAndSwap(next, now+int64(pruneEvery)) {
		return
	}
	if err := s.write(ctx, callTimeout/2, pruneStatement); err != nil {
		s.logger.Debug("Old changes were not pruned; it is tried again in a while", zap.Error(s.failed("prune", err)))
	}
}

package grant

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestNobodyActsBeyondTheirLease(t *testing.T) {
	t.Parallel()
	assert.GreaterOrEqual(t, workFor, operation, "an operation that begins at once has its whole time")
	assert.Less(t, workFor+2*persistFor, leaseFor, "and its two last writes end before the lease does")
	assert.Greater(t, takeoverAfter, leaseFor+operation, "a takeover waits for whoever still works")

	bolt, err := store.OpenBolt(filepath.Join(t.TempDir(), "grants.db"), store.BoltOptions{})
	require.NoError(t, err)
	defer bolt.Close()
	s := New(Options{HTTP: http.DefaultClient, Logger: zap.NewNop(), Store: bolt})
	before := time.Now()
	err = s.withLease(context.Background(), "refresh/acme", func(ctx context.Context, fence uint64) error {
		end, ok := ctx.Deadline()
		assert.True(t, ok)
		assert.WithinDuration(t, before.Add(workFor), end, 10*time.Second)
		assert.Positive(t, fence)
		return s.tryLease(ctx, "refresh/acme", func(context.Context, uint64) error { return nil })
	})
	require.ErrorIs(t, err, errElsewhere)
}

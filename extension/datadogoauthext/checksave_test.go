package datadogoauthext

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// moody is a store that does not take the next reports.
type moody struct {
	store.Store
	refuses atomic.Int32 // so many
}

func (m *moody) Apply(ctx context.Context, changes ...store.Change) error {
	if slices.ContainsFunc(changes, func(c store.Change) bool { return c.Kind == store.KindReport }) && m.refuses.Add(-1) >= 0 {
		return store.ErrUnreachable
	}
	return m.Store.Apply(ctx, changes...)
}

func TestAReportThatCouldNotBeStoredIsStoredNext(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	st := &moody{}
	f.Edit = func(o *grant.Options) { st.Store, o.Store = o.Store, st }
	grants := f.Start()
	begun := check.Report{ID: "1", Tenant: "acme", StartedAt: time.Now(), Steps: []check.Step{}}
	require.NoError(t, grants.BeginCheck(t.Context(), begun))
	st.refuses.Store(1)
	saves := newCheckSaver(t.Context(), grants, begun)
	next := begun
	next.Steps = []check.Step{{Number: 1, Lines: []check.Line{{ID: "a", Result: check.Pass}}}}
	require.NoError(t, saves.save(next))
	require.Eventually(t, func() bool {
		r, _, err := grants.CheckReport(t.Context(), "acme")
		return err == nil && len(r.Steps) == 1
	}, 10*time.Second, 10*time.Millisecond, "it is not tried again")
	assert.Negative(t, st.refuses.Load(), "nothing was refused")
	require.NoError(t, saves.save(next), "one write that fails ends the check")

	other := begun
	other.ID, other.EndedAt = "2", time.Now()
	ended := next
	ended.EndedAt = time.Now()
	require.NoError(t, grants.SaveCheck(t.Context(), ended))
	require.NoError(t, grants.BeginCheck(t.Context(), other))
	next.Steps = append(slices.Clone(next.Steps), next.Steps[0])
	require.Eventually(t, func() bool { return saves.save(next) != nil }, 10*time.Second, 10*time.Millisecond, "another check took its place")
	require.ErrorIs(t, saves.end(t.Context(), next), grant.ErrOtherCheck)
}

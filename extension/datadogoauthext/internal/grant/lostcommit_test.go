package grant_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// lostCommit commits a change of a grant, and loses the answer once.
type lostCommit struct {
	store.Store
	armed atomic.Bool
}

func (l *lostCommit) Apply(ctx context.Context, changes ...store.Change) error {
	err := l.Store.Apply(ctx, changes...)
	for _, c := range changes {
		if err == nil && c.Kind == store.KindGrant && l.armed.CompareAndSwap(true, false) {
			return fmt.Errorf("the answer was lost: %w", store.ErrUnreachable)
		}
	}
	return err
}

func TestACommitWhoseAnswerWasLostEndsNoConsent(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	lost := &lostCommit{}
	f.Edit = func(o *grant.Options) {
		lost.Store = o.Store
		o.Store = lost
	}
	s := f.Start()
	state, code := begun(t, f, s, grant.Flow{Login: admitted(t, s).Hash})
	fl, err := s.ConsumeFlow(t.Context(), state)
	require.NoError(t, err)
	lost.armed.Store(true)
	_, err = s.Connect(t.Context(), fl, eu(t), code)
	require.NoError(t, err)
	require.False(t, lost.armed.Load())
	s.Pass(t.Context())
	assert.Empty(t, revoked(t, f, s))
}

func TestACommitWhoseAnswerWasLostRevokesNothingOfAMove(t *testing.T) {
	t.Parallel()
	f, s, _ := connectedTo(t, nil)
	_, err := consent(t, f, s, elsewhere(t))
	require.NoError(t, err)
	lost := &lostCommit{}
	f.Edit = func(o *grant.Options) {
		lost.Store = o.Store
		o.Store = lost
	}
	s = f.Restart(s)
	lost.armed.Store(true)
	require.NoError(t, s.ConfirmChange(t.Context(), "acme", "", "op"))
	require.False(t, lost.armed.Load())
	s.Pass(t.Context())
	assert.Len(t, revoked(t, f, s), 2, "the tokens of the organisation that the tenant left, and no others")
}

func TestAConsentKeepsTheKeyThatMemoryKnows(t *testing.T) {
	t.Parallel()
	f, s, _ := connectedTo(t, nil)
	damage(t, f, store.KindOrg)
	_, err := f.Connect(s, "second", eu(t), granttest.OrgA)
	require.NoError(t, err)
	_, err = s.Lookup("acme")
	require.NoError(t, err)
}

func TestAPauseOutlivesTheRecordThatHeldIt(t *testing.T) {
	t.Parallel()
	f, s, _ := connectedTo(t, nil)
	require.NoError(t, s.Pause(t.Context(), "acme", "legal", "op"))
	damage(t, f, store.KindGrant)
	_, err := consent(t, f, s, way{at: eu(t), org: granttest.OrgA, fl: grant.Flow{Tenant: "acme"}})
	require.NoError(t, err)
	require.NoError(t, s.ConfirmChange(t.Context(), "acme", "", "op"))
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrPaused)
	assert.Contains(t, facts(t, s, "acme").HoldReason, "legal")
}

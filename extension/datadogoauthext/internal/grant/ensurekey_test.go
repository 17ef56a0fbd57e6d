package grant_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// A consent that was stored, and that nobody stopped, mints by itself: the background leaves it alone for as long as that may take.
func TestAConsentWithoutAMintIsGoneOnWith(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindOrg, 1)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	b.left.Store(unlimited)
	s.Pass(t.Context())
	assert.Empty(t, f.Datadog.Calls(mintPath), "whoever stored it may be about to begin")
	f.Clock.Advance(2 * time.Minute)
	s.Pass(t.Context())
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
	assert.True(t, facts(t, s, "acme").Sending)
}

func TestAConsentThatACrashCutShortIsGoneOnWithAtOnce(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindOrg, 1)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	b.left.Store(unlimited)
	f.Clock.Advance(time.Second)
	s = f.Crash(s)
	s.Pass(t.Context())
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
	assert.True(t, facts(t, s, "acme").Sending)
}

func TestAConsentWithoutAMintIsNamedWhereItsGrantEnded(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindOrg, 1)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	b.left.Store(unlimited)
	require.NoError(t, s.Disconnect(t.Context(), "acme", "", "ops"))
	f.Clock.Advance(2 * time.Minute)
	s.Pass(t.Context())
	assert.Equal(t, grant.KeyNone, facts(t, s, "acme").Facts.Key)
	assert.Empty(t, f.Datadog.Calls(mintPath))
}

// The link of such a consent works until the connection is complete, and no longer.
func TestALinkWhoseConsentACrashCutShortGoesWithTheConnection(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindOrg, 1)
	s := f.Start()
	secret, inv, err := s.Invite(t.Context(), "acme", "main", time.Hour, "ops")
	require.NoError(t, err)
	fl := grant.Flow{Tenant: "acme", Client: "main", Invitation: inv.Hash, Verifier: oauth2.GenerateVerifier(), Partition: string(eu(t).Partition())}
	state, err := s.BeginFlow(t.Context(), fl)
	require.NoError(t, err)
	code := f.Datadog.Code(eu(t), granttest.OrgA, oauth2.S256ChallengeFromVerifier(fl.Verifier))
	fl, err = s.ConsumeFlow(t.Context(), state)
	require.NoError(t, err)
	_, err = s.Connect(t.Context(), fl, eu(t), code)
	require.Error(t, err)
	_, err = s.Invitation(t.Context(), secret)
	require.NoError(t, err, "nothing is connected, so the customer may come again")
	b.left.Store(unlimited)
	f.Clock.Advance(time.Second)
	s = f.Crash(s)
	s.Pass(t.Context()) // mints
	require.True(t, facts(t, s, "acme").Sending)
	s.Pass(t.Context())
	_, err = s.Invitation(t.Context(), secret)
	require.ErrorIs(t, err, grant.ErrNoInvitation)
}

// What became of the old key is of no account while another is being minted, whoever asked first.
func TestAVerdictOnTheOldKeyDoesNotDisturbAMint(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(2 * time.Minute)
	s.Pass(t.Context())
	f.Datadog.RevokeKey(eu(t), granttest.OrgA)
	validating, answerVerdict := f.Datadog.Held(v1Path)
	judged := make(chan error, 1)
	go func() { judged <- s.JudgeKey(context.WithoutCancel(t.Context()), "acme") }()
	<-validating
	minting, answerMint := f.Datadog.Held(mintPath)
	connected := make(chan error, 1)
	go func() { _, err := f.Connect(s, "acme", eu(f.TB), granttest.OrgA); connected <- err }()
	<-minting
	answerVerdict()
	require.NoError(t, <-judged)
	assert.Equal(t, grant.KeyMinting, facts(t, s, "acme").Facts.Key)
	answerMint()
	require.NoError(t, <-connected)
	cred, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, uint64(2), cred.Generation())
	assert.Len(t, f.Datadog.Calls(mintPath), 2)
}

// asking tells when the right to mint is asked for while somebody has it.
type asking struct {
	store.Store
	held chan struct{} // gets a value at most
}

func (a *asking) Lease(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	lease, err := a.Store.Lease(ctx, name, ttl)
	if errors.Is(err, store.ErrHeld) && strings.HasPrefix(name, "mint/") {
		select {
		case a.held <- struct{}{}:
		default:
		}
	}
	return lease, err
}

// The background goes on with a lost mint at the moment when another tenant of the organisation connects.
func TestAConsentMakesAnAttemptOfItsOwn(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindOrg, 2)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	require.Equal(t, grant.KeyMinting, facts(t, s, "acme").Facts.Key)
	f.Datadog.RevokeKey(eu(t), granttest.OrgA)
	b.left.Store(unlimited)
	entered, release := make(chan struct{}), make(chan struct{})
	f.Datadog.Answer(mintPath, func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		granttest.Status(http.StatusInternalServerError, "")(w, r)
	})
	a := &asking{held: make(chan struct{}, 1)}
	f.Edit = func(o *grant.Options) { a.Store, o.Store = o.Store, a }
	s = f.Crash(s)
	<-entered
	connected := make(chan error, 1)
	go func() { _, err := f.Connect(s, "sister", eu(f.TB), granttest.OrgA); connected <- err }()
	select {
	case <-a.held: // its key has to wait
	case <-time.After(10 * time.Second):
		t.Error("the consent does not ask for the right to mint")
	}
	close(release)
	require.NoError(t, <-connected)
	assert.Len(t, f.Datadog.Calls(mintPath), 3, "the one that was lost, the one that failed, and its own")
	assert.True(t, facts(t, s, "acme").Sending)
}

package grant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

func TestThePreviewEndpointAloneRefusesNoKey(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Datadog.Answer(validatePath, granttest.Status(403, `{"errors":["Forbidden"]}`))
	require.NoError(t, s.JudgeKey(t.Context(), "acme"))
	_, err = s.Lookup("acme")
	require.NoError(t, err)
	f.Datadog.Answer(validatePath, granttest.Status(403, ``))
	f.Datadog.Answer(v1Path, granttest.Status(200, `{}`))
	require.Error(t, s.JudgeKey(t.Context(), "acme"), "an answer without a verdict is none")
	_, err = s.Lookup("acme")
	require.NoError(t, err)
}

func TestARefusedKeyThatIsGoodAgainServesAgain(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	refuse := func() {
		f.Datadog.Answer(validatePath, granttest.Status(403, ``))
		f.Datadog.Answer(v1Path, granttest.Status(403, ``))
	}
	refuse()
	require.NoError(t, s.JudgeKey(t.Context(), "acme"))
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrKeyRefused)
	calls := len(f.Datadog.Calls(v1Path))
	s.Pass(t.Context())
	assert.Len(t, f.Datadog.Calls(v1Path), calls, "not at once")
	refuse()
	f.Clock.Advance(10 * time.Minute)
	for range 5 {
		s.Pass(t.Context())
	}
	assert.Len(t, f.Datadog.Calls(v1Path), calls+1, "once in a window")
	_, err = s.Lookup("acme")
	require.ErrorIs(t, err, credential.ErrKeyRefused)
	f.Clock.Advance(10 * time.Minute)
	s.Pass(t.Context())
	cred, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, uint64(1), cred.Generation())
	assert.Len(t, f.Datadog.Calls(mintPath), 1)
}

func TestAKeyOfAnotherOrgStaysRefused(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	f.Datadog.Answer(validatePath, granttest.Status(200, `{"data":{"id":"`+granttest.OrgB+`"}}`))
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	f.Clock.Advance(10 * time.Minute)
	f.Datadog.Answer(validatePath, granttest.Status(500, ``)) // v1 calls it valid, and names no organisation
	s.Pass(t.Context())
	assert.Equal(t, grant.KeyRefused, facts(t, s, "acme").Facts.Key)
}

// The customer follows the advice of a refusal while Datadog's fault lasts, and the mint ends in 409.
func TestAKeyThatAMintDidNotReplaceServesOnceItIsGood(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(2 * time.Minute)
	s.Pass(t.Context())
	refuse := func() {
		f.Datadog.Answer(validatePath, granttest.Status(403, ``))
		f.Datadog.Answer(v1Path, granttest.Status(403, ``))
	}
	refuse()
	require.NoError(t, s.JudgeKey(t.Context(), "acme"))
	refuse()
	_, err = f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.Error(t, err)
	before := facts(t, s, "acme")
	require.Equal(t, grant.KeyExistsUnknown, before.Facts.Key)
	f.Clock.Advance(10 * time.Minute)
	refuse()
	s.Pass(t.Context())
	assert.Equal(t, before.KeyReason, facts(t, s, "acme").KeyReason, "what to do is still the same")
	f.Clock.Advance(10 * time.Minute)
	s.Pass(t.Context())
	assert.Equal(t, grant.KeyOK, facts(t, s, "acme").Facts.Key)
	cred, err := s.Lookup("acme")
	require.NoError(t, err)
	assert.Equal(t, uint64(1), cred.Generation())
}

// One organisation id at two sites is two organisations: what is refused at one of them says nothing of the other.
func TestAKeyThatIsRefusedAtOneSiteServesOnAtAnother(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	sites := map[string]site.Site{"here": eu(t), "there": site.US1()}
	for _, tenant := range []string{"here", "there"} {
		_, err := f.Connect(s, tenant, sites[tenant], granttest.OrgA)
		require.NoError(t, err)
	}
	f.Clock.Advance(time.Minute)
	s.Pass(t.Context())
	before, err := s.Lookup("there")
	require.NoError(t, err)
	asked := func(at site.Site) (n int) {
		for _, c := range f.Datadog.Calls("") {
			if c.Host == at.Hostname(site.HostAPI) {
				n++
			}
		}
		return n
	}
	callsThere, mints := asked(sites["there"]), len(f.Datadog.Calls(mintPath))
	require.Equal(t, 2, mints)

	f.Datadog.RevokeKey(sites["here"], granttest.OrgA)
	callsHere, changed := asked(sites["here"]), s.Changes()
	s.Refused("here", 1)
	<-changed
	for range 3 {
		s.Pass(t.Context())
		f.Clock.Advance(11 * time.Minute) // a refused key is asked about again
		assert.Equal(t, grant.Facts{Token: grant.TokenOK, Key: grant.KeyRefused, Hold: grant.HoldNone}, facts(t, s, "here").Facts)
		assert.Equal(t, grant.Facts{Token: grant.TokenOK, Key: grant.KeyOK, Hold: grant.HoldNone}, facts(t, s, "there").Facts)
		_, err = s.Lookup("here")
		require.ErrorIs(t, err, credential.ErrKeyRefused)
		after, err := s.Lookup("there")
		require.NoError(t, err)
		assert.Equal(t, keyIn(t, before), keyIn(t, after))
		assert.Equal(t, before.Generation(), after.Generation())
	}
	assert.Greater(t, asked(sites["here"]), callsHere+2)
	assert.Equal(t, callsThere, asked(sites["there"]), "nobody is asked about the other site's key")
	assert.Len(t, f.Datadog.Calls(mintPath), mints)
	assert.Len(t, f.Datadog.KeyIDs(sites["there"], granttest.OrgA), 1)
}

package grant_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
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

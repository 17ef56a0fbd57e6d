package grant_test

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// connected is a service with one tenant.
func connected(t *testing.T) (*granttest.Fixture, *grant.Service) {
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", site.US1(), granttest.OrgA)
	require.NoError(t, err)
	return f, s
}

func TestProofsOfAGoodConnection(t *testing.T) {
	t.Parallel()
	f, s := connected(t)
	f.Datadog.Answer("/api/v2/validate_keys", granttest.Status(200, `{"status":"ok"}`))
	require.NoError(t, s.ProveToken(t.Context(), "acme"))
	valid, err := s.ProveKeyV1(t.Context(), "acme")
	require.NoError(t, err)
	assert.True(t, valid)
	owner, err := s.ProveKeyV2(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, granttest.OrgA, owner)
	require.NoError(t, s.RevokeUnknown(t.Context(), "acme"))

	keys := f.Datadog.KeyIDs(site.US1(), granttest.OrgA)
	status, err := s.MintTwice(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, http.StatusConflict, status)
	assert.Equal(t, keys, f.Datadog.KeyIDs(site.US1(), granttest.OrgA))
	facts, err := s.CheckFacts(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, "ok", facts.Token)
	assert.Contains(t, []string{"ok", "fresh"}, facts.Key, "the check changed what is known of the key")
	assert.Equal(t, []string{"api_keys_write", "events_read"}, facts.Scopes)
	assert.Equal(t, granttest.RedirectURL, facts.RedirectURL)
	assert.True(t, facts.Published)
	assert.True(t, facts.HasRefreshToken)
}

func TestProofsOfABadConnection(t *testing.T) {
	t.Parallel()
	f, s := connected(t)
	f.Datadog.Answer("/api/v2/validate_keys", granttest.Status(403, `{"errors":["Forbidden"]}`))
	require.ErrorContains(t, s.ProveToken(t.Context(), "acme"), "403")
	made := granttest.Status(201, `{"data":{"id":"k2","attributes":{"key":"0123456789abcdef0123456789abcdef","name":"OAuth Client API Key 2"}}}`)
	f.Datadog.Answer("/api/v2/api_keys/marketplace", made)
	status, err := s.MintTwice(t.Context(), "acme")
	require.ErrorContains(t, err, "key …cdef (id k2) was left: ")
	assert.Equal(t, http.StatusCreated, status)
	assert.Len(t, f.Datadog.Calls("/api/v2/api_keys/k2"), 1, "the second key was to be deleted")
	f.Datadog.Answer("/api/v2/api_keys/marketplace", made)
	f.Datadog.Answer("/api/v2/api_keys/k2", granttest.Status(204, ``))
	status, err = s.MintTwice(t.Context(), "acme")
	require.NoError(t, err)
	assert.Equal(t, http.StatusCreated, status)
	all := secondKeys(t, s)
	require.Len(t, all, 4)
	const made2 = `second key made: Datadog made key …cdef (id k2) although there is a key [{second_key  hmac:FP} {key_id  k2} {last4  cdef}]`
	assert.Equal(t, "second key deleted:  [{second_key hmac:FP } {key_id k2 } {last4 cdef }]", all[0])
	assert.Equal(t, made2, all[1])
	assert.Regexp(t, `^second key left: .*403.* \[\]$`, all[2])
	assert.Equal(t, made2, all[3])
	f.Datadog.Answer("/oauth2/v1/revoke", granttest.Status(503, ``))
	require.ErrorContains(t, s.RevokeUnknown(t.Context(), "acme"), "503")
	f.Datadog.RevokeKey(site.US1(), granttest.OrgA)
	valid, err := s.ProveKeyV1(t.Context(), "acme")
	require.NoError(t, err)
	assert.False(t, valid)
	_, err = s.ProveKeyV2(t.Context(), "acme")
	require.Error(t, err)
	_, err = s.CheckFacts(t.Context(), "nobody")
	require.ErrorIs(t, err, credential.ErrUnknownTenant)
}

var fingerprint = regexp.MustCompile(`hmac:[0-9a-f]{12}`)

// secondKeys is what the audit says of them, the newest first.
func secondKeys(t *testing.T, s *grant.Service) (all []string) {
	t.Helper()
	records, _, err := s.Audit(t.Context(), grant.AuditQuery{Tenant: "acme", Limit: 100})
	require.NoError(t, err)
	for _, r := range records {
		if strings.HasPrefix(r.What, "second key") {
			all = append(all, fingerprint.ReplaceAllString(fmt.Sprintf("%s: %s %v", r.What, r.Reason, r.Changes), "hmac:FP"))
		}
		assert.NotContains(t, r.Reason, "0123456789abcdef0123456789abcdef")
	}
	return all
}

func TestOneCheckOfATenantAtATime(t *testing.T) {
	t.Parallel()
	f, s := connected(t)
	begun := func(id string) check.Report {
		return check.Report{ID: id, Tenant: "acme", StartedAt: f.Clock.Now(), Steps: []check.Step{}}
	}
	_, found, err := s.CheckReport(t.Context(), "acme")
	require.NoError(t, err)
	assert.False(t, found)

	first := begun("1")
	require.NoError(t, s.BeginCheck(t.Context(), first))
	require.ErrorIs(t, s.BeginCheck(t.Context(), begun("2")), grant.ErrRefused)
	f.Clock.Advance(90 * time.Second)
	first.Steps = append(first.Steps, check.Step{Number: 1, Lines: []check.Line{{ID: "a"}}})
	require.NoError(t, s.SaveCheck(t.Context(), first)) // which is a sign of life
	f.Clock.Advance(90 * time.Second)
	require.ErrorIs(t, s.BeginCheck(t.Context(), begun("2")), grant.ErrRefused)

	f.Clock.Advance(time.Minute) // its process ended
	r, _, err := s.CheckReport(t.Context(), "acme")
	require.NoError(t, err)
	assert.False(t, r.Running())
	assert.Equal(t, check.NotTested, r.Steps[0].Lines[0].Result)
	second := begun("2")
	require.NoError(t, s.BeginCheck(t.Context(), second))
	require.ErrorContains(t, s.SaveCheck(t.Context(), first), "another check took its place")
	second.EndedAt = f.Clock.Now()
	require.NoError(t, s.SaveCheck(t.Context(), second))

	s = f.Restart(s)
	var ids []string
	require.NoError(t, s.CheckReports(t.Context(), func(r check.Report) { ids = append(ids, r.ID) }))
	assert.Equal(t, []string{"2"}, ids)
	huge := begun("3")
	huge.OrgName = strings.Repeat("x", 256<<10)
	require.ErrorContains(t, s.BeginCheck(t.Context(), huge), "more than the 262144 that are kept")
}

func TestAFailedConsentIsKnownToTheNextCheck(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	fl := grant.Flow{Tenant: "acme", Client: "main", AppOrigin: "https://app.datadoghq.eu", StartedDomain: "datadoghq.eu"}
	s.ConsentFailed(t.Context(), fl, "exchange_refused", "us3.datadoghq.com", errors.New("400:\ninvalid_grant"))
	facts, err := s.CheckFacts(t.Context(), "acme")
	require.NoError(t, err)
	require.NotNil(t, facts.Failed)
	assert.Equal(t, "400: invalid_grant", facts.Failed.Reason)
	assert.Equal(t, "us3.datadoghq.com", facts.Failed.CallbackDomain)
	assert.Equal(t, granttest.ClientID, facts.ClientID)
	assert.True(t, facts.Site.IsZero())

	_, err = f.Connect(s, "acme", site.US1(), granttest.OrgA)
	require.NoError(t, err)
	facts, err = s.CheckFacts(t.Context(), "acme")
	require.NoError(t, err)
	assert.False(t, facts.Failed.At.After(facts.ConnectedAt))
}

// TestACheckKnowsThatADisconnectedTenantHasNoKey: what names the key may stay, so that the customer can find it.
func TestACheckKnowsThatADisconnectedTenantHasNoKey(t *testing.T) {
	t.Parallel()
	for name, allowed := range map[string]bool{"deleted": true, "left at Datadog": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s := connected(t)
			if allowed {
				f.Datadog.LetManageKeys()
			}
			facts, err := s.CheckFacts(t.Context(), "acme")
			require.NoError(t, err)
			assert.True(t, facts.HasKey)
			require.NoError(t, s.Disconnect(t.Context(), "acme", "", "ops"))
			require.Empty(t, open(t, s))
			facts, err = s.CheckFacts(t.Context(), "acme")
			require.NoError(t, err)
			assert.False(t, facts.HasKey)
			assert.Equal(t, "disconnected", facts.Hold)
			assert.Equal(t, allowed, facts.KeyLast4 == "")
		})
	}
}

// TestATenantAtASiteOfANewerVersionIsNotChecked: there is no host to ask, and no site to write of.
func TestATenantAtASiteOfANewerVersionIsNotChecked(t *testing.T) {
	t.Parallel()
	_, s := connected(t)
	require.NoError(t, s.MoveTo(t.Context(), "acme", "moon.datadoghq.com"))
	_, err := s.CheckFacts(t.Context(), "acme")
	require.ErrorIs(t, err, grant.ErrRefused)
	require.ErrorIs(t, err, site.ErrUnknown)
	assert.ErrorContains(t, err, `"moon.datadoghq.com"`)
}

func TestAFailedConsentOfAStrangerIsNotKeptForGood(t *testing.T) {
	t.Parallel()
	f, s := connected(t)
	for _, tenant := range []string{"acme", "stranger", "checked"} {
		s.ConsentFailed(t.Context(), grant.Flow{Tenant: tenant, Client: "main"}, "exchange_refused", "", errors.New("400"))
	}
	require.NoError(t, s.BeginCheck(t.Context(), check.Report{ID: "1", Tenant: "checked", StartedAt: f.Clock.Now(), EndedAt: f.Clock.Now()}))
	kept := func() (tenants []string) {
		f.Clock.Advance(time.Hour)
		s.Pass(t.Context())
		require.NoError(t, f.Store().List(t.Context(), store.KindReport, func(r store.Record) error {
			tenants = append(tenants, r.Key)
			return nil
		}))
		return tenants
	}
	assert.ElementsMatch(t, []string{"acme", "checked", "stranger"}, kept())
	f.Clock.Advance(29 * 24 * time.Hour)
	assert.ElementsMatch(t, []string{"acme", "checked", "stranger"}, kept(), "the link may still be good")
	f.Clock.Advance(24 * time.Hour)
	assert.ElementsMatch(t, []string{"acme", "checked"}, kept())
}

// consentFor goes through the consent of a check's link.
func consentFor(t *testing.T, f *granttest.Fixture, s *grant.Service, secret string) error {
	t.Helper()
	inv, err := s.Invitation(t.Context(), secret)
	require.NoError(t, err)
	verifier := oauth2.GenerateVerifier()
	code := f.Datadog.Code(site.US1(), granttest.OrgA, oauth2.S256ChallengeFromVerifier(verifier))
	state, err := s.BeginFlow(t.Context(), grant.Flow{Tenant: "acme", Client: "main", Invitation: inv.Hash, Verifier: verifier, AppOrigin: "https://app.datadoghq.com", Partition: "commercial"})
	require.NoError(t, err)
	fl, err := s.ConsumeFlow(t.Context(), state)
	require.NoError(t, err)
	_, err = s.Connect(t.Context(), fl, site.US1(), code)
	return err
}

func TestAWrongVerifierIsTried(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer            http.HandlerFunc
		refused, accepted bool
		said              string
	}{
		"refused":  {nil, true, false, "400 invalid_grant"},
		"accepted": {granttest.Status(200, `{"access_token":"a-of-nobody","refresh_token":"r-of-nobody","token_type":"Bearer","expires_in":3600}`), false, true, "it gave tokens"},
		"a fault":  {granttest.Status(503, ``), false, false, "503"},
		"limited":  {granttest.Status(429, `{"errors":["slow down"]}`), false, false, "429"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, s := connected(t)
			before, err := s.AccessToken(t.Context(), "acme")
			require.NoError(t, err)
			require.NoError(t, s.BeginCheck(t.Context(), check.Report{ID: "c1", Tenant: "acme", StartedAt: f.Clock.Now()}))
			secret, end, err := s.InviteForCheck(t.Context(), "acme", "main", "c1", time.Minute)
			require.NoError(t, err)
			trial, err := s.CheckTrial(t.Context(), "acme", "c1")
			require.NoError(t, err)
			assert.Nil(t, trial)
			made := of(t, s, "acme")
			assert.Equal(t, "invitation made", made[len(made)-1].What)
			assert.True(t, made[len(made)-1].Routine, "checks fill the audit")
			if c.answer != nil {
				f.Datadog.Answer("/oauth2/v1/token", c.answer)
			}

			var why *grant.ConnectError
			require.ErrorAs(t, consentFor(t, f, s, secret), &why)
			assert.Equal(t, grant.OutcomeChecked, why.Outcome)
			trial, err = s.CheckTrial(t.Context(), "acme", "c1")
			require.NoError(t, err)
			require.NotNil(t, trial)
			assert.Equal(t, c.refused, trial.Refused)
			assert.Equal(t, c.accepted, trial.Accepted)
			assert.Contains(t, trial.Said, c.said)
			after, err := s.AccessToken(t.Context(), "acme")
			require.NoError(t, err)
			assert.Equal(t, before, after, "the check changed the connection")
			_, err = s.Invitation(t.Context(), secret)
			require.ErrorIs(t, err, grant.ErrNoInvitation, "the link works twice")
			other, err := s.CheckTrial(t.Context(), "acme", "c2")
			require.NoError(t, err)
			assert.Nil(t, other)
			end(t.Context())
			if c.accepted {
				require.Eventually(t, func() bool {
					for _, call := range f.Datadog.Calls("/oauth2/v1/revoke") {
						if call.Form.Get("token") == "r-of-nobody" {
							return true
						}
					}
					return false
				}, 10*time.Second, 10*time.Millisecond, "the tokens were not revoked")
			}
		})
	}
}

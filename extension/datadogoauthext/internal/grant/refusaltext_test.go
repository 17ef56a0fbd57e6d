package grant_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
)

func TestRefusalText(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ body, code, description string }{
		{`{"error":"invalid_grant","error_description":"code expired"}`, "invalid_grant", "code expired"},
		{`{"errors":["Forbidden","Failed permission authorization checks"]}`, "", "Forbidden, Failed permission authorization checks"},
		{`{"errors":[{"title":"Forbidden","detail":"no access","status":"403"}]}`, "", "Forbidden, no access"},
		{`{"errors":[{"title":7},8,null,"x"]}`, "", ""},
		{`{"errors":[8,"x"],"error":{"message":"y"}}`, "", "x"},
		{`{"errors":["the key is abc-def"]}`, "", "the key is [hidden]"},
		{`<html>Bad gateway</html>`, "", ""},
		{``, "", ""},
		{`[]`, "", ""},
	} {
		code, description := grant.RefusalText([]byte(tc.body), "abc-def")
		assert.Equal(t, tc.code, code, tc.body)
		assert.Equal(t, tc.description, description, tc.body)
	}
}

func FuzzRefusalText(f *testing.F) {
	const secret = "7Gq2Zr9xV1kTt0Yw0Bn4Lm"
	f.Add([]byte(`{"error":"x","error_description":"` + secret + `"}`))
	f.Add([]byte(`{"errors":[{"title":"` + secret + `"}]}`))
	f.Add([]byte(`{"errors":["\u001b` + secret + `"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		code, description := grant.RefusalText(body, secret)
		if text := code + description; strings.Contains(text, secret) || len(text) > 300 || strings.ContainsAny(text, "\r\n\x1b") {
			t.Errorf("%q", text)
		}
	})
}

func TestDatadogsOwnTextsLeadToTheirOwnAdvice(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		path    string
		status  int
		body    string
		outcome string
		says    []string
	}{
		"a verifier, as the API says it":   {tokenPath, 400, `{"errors":["Invalid code or code verifier"]}`, grant.OutcomeExchangeRefused, []string{"Invalid code or code verifier", "Content-Type"}},
		"a verifier, as RFC 6749 says it":  {tokenPath, 400, `{"error":"invalid_grant","error_description":"Invalid code or code verifier"}`, grant.OutcomeExchangeRefused, []string{"Content-Type", "domain of the callback"}},
		"the mint lacks its scope":         {mintPath, 403, `{"errors":["Forbidden","Failed permission authorization checks"]}`, grant.OutcomeScopeMissing, []string{"Failed permission", "api_keys_write"}},
		"current_user lacks a permission":  {"/api/v2/current_user", 403, `{"errors":[{"title":"Forbidden"}]}`, grant.OutcomeOrgUnknown, []string{"Forbidden", "current_user"}},
		"current_user takes no token":      {"/api/v2/current_user", 401, `{"errors":["Unauthorized"]}`, grant.OutcomeOrgUnknown, []string{"401: Unauthorized"}},
		"the mint says no in other words":  {mintPath, 400, `{"errors":["No such app"]}`, grant.OutcomeMintFailed, []string{"No such app"}},
		"the token endpoint limits a rate": {tokenPath, 429, `{"errors":["Slow down"]}`, grant.OutcomeExchangeUnanswered, []string{"Slow down", "rate"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			s := f.Start()
			f.Datadog.Answer(tc.path, granttest.Status(tc.status, tc.body))
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			var why *grant.ConnectError
			require.ErrorAs(t, err, &why)
			assert.Equal(t, tc.outcome, why.Outcome)
			for _, text := range tc.says {
				assert.ErrorContains(t, err, text)
			}
		})
	}
}

func TestWhatPassesIsRepeatedBeforeAConsentIsGivenUp(t *testing.T) {
	t.Parallel()
	const userPath = "/api/v2/current_user"
	for name, tc := range map[string]struct {
		path    string
		answers []http.HandlerFunc
	}{
		"current_user 503 twice":    {userPath, []http.HandlerFunc{granttest.Status(503, ""), granttest.Status(503, "")}},
		"current_user 429":          {userPath, []http.HandlerFunc{granttest.Status(429, "")}},
		"current_user answers none": {userPath, []http.HandlerFunc{granttest.Drop}},
		"mint 429 twice":            {mintPath, []http.HandlerFunc{granttest.Status(429, ""), granttest.Status(429, "")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := granttest.NewFixture(t)
			s := f.Start()
			for _, h := range tc.answers {
				f.Datadog.Answer(tc.path, h)
			}
			_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
			require.NoError(t, err)
			assert.Len(t, f.Datadog.Calls(tc.path), len(tc.answers)+1)
			assert.Len(t, f.Datadog.Calls(tokenPath), 1)
			assert.True(t, facts(t, s, "acme").Sending)
		})
	}
}

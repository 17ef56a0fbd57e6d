package check_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/check"
)

// hostile are names that a customer may choose, or that Datadog may show.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</style><script>alert(1)</script>`, `javascript:alert(1)`,
	"=HYPERLINK(\"http://evil.example\")", "+1+1", "\u202eevil\u202c", "two\nlines\r\nthree", "<!--", "]]>", "{{.Tenant}}", "\x1b[31mred", strings.Repeat("x<b>", 2500),
}

func TestAReportAsJSONShowsAllThatIsInIt(t *testing.T) {
	t.Parallel()
	text := "a\u202eb\u009bc\x7fd\u2028e\U000e0041f\n주식회사\u200d"
	raw, err := reportOf(text).JSON()
	require.NoError(t, err)
	for _, c := range strings.ReplaceAll(string(raw), "\n", "") {
		assert.True(t, unicode.IsPrint(c), "%q", c)
	}
	var back check.Report
	require.NoError(t, json.Unmarshal(raw, &back))
	assert.Equal(t, text, back.Tenant)
	assert.Contains(t, string(raw), "주식회사")
}

// reportOf is a report with one text wherever there can be one.
func reportOf(text string) check.Report {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	line := check.Line{ID: "step1.x", What: text, Result: check.Fail, Evidence: text, Todo: text}
	return check.Report{
		ID: "0123456789abcdef", Tenant: text, By: text, StartedAt: at, EndedAt: at.Add(time.Minute), Client: text, Stage: "test", Site: "datadoghq.eu", OrgID: "o", OrgName: text,
		Scopes: []string{text}, Steps: []check.Step{{Number: 1, Title: text, Lines: []check.Line{line}}},
	}
}

func TestAHostileNameIsTextInTheReport(t *testing.T) {
	t.Parallel()
	tags := regexp.MustCompile(`<[^>]*>`)
	plain, err := reportOf("Acme").HTML()
	require.NoError(t, err)
	want := tags.FindAllString(string(plain), -1)
	for _, name := range hostile {
		page, err := reportOf(name).HTML()
		require.NoError(t, err)
		assert.Equal(t, want, tags.FindAllString(string(page), -1), "%.40q", name)
	}
	assert.NotContains(t, string(plain), "<script")
	assert.NotContains(t, string(plain), "http://")
	assert.NotContains(t, string(plain), "https://")
}

func TestAReportIsSmallWhateverIsInIt(t *testing.T) {
	t.Parallel()
	w := newWorld()
	long := strings.Repeat("\u202ex<", 4000)
	w.facts.OrgName, w.facts.KeyName, w.facts.Client, w.facts.Failed = long, long, long, &check.FailedConsent{At: w.facts.ConnectedAt.Add(time.Minute), Reason: long, Outcome: long}
	for range 200 {
		w.facts.Scopes = append(w.facts.Scopes, "scope_"+strings.Repeat("y", 50))
	}
	r := w.run(t, nil)
	raw, err := r.JSON()
	require.NoError(t, err)
	assert.Less(t, len(raw), 256<<10)
	assert.NotContains(t, string(raw), "\u202e")
}

func TestAReportThatIsGivenAwayHoldsNoLink(t *testing.T) {
	t.Parallel()
	r := reportOf("Acme")
	r.ConsentLink = "https://connect.partner.example/connect/secret-of-a-link"
	raw, err := r.JSON()
	require.NoError(t, err)
	page, err := r.HTML()
	require.NoError(t, err)
	assert.NotContains(t, string(raw)+string(page), "secret-of-a-link")
	var again check.Report
	require.NoError(t, json.Unmarshal(raw, &again))
	r.ConsentLink = ""
	assert.Equal(t, r, again)
	assert.Contains(t, string(raw), `"failed": 1,`)
	assert.Regexp(t, `"lines": \[[^\]]*\],\s*"result": "fail"\s*\}`, string(raw), "the result of the step")
}

func TestAStepThatIsUnderWay(t *testing.T) {
	t.Parallel()
	s := check.Step{Lines: []check.Line{{Result: check.Pass}, {}}}
	assert.Empty(t, s.Result())
	s.Lines = append(s.Lines, check.Line{Result: check.Fail})
	assert.Equal(t, check.Fail, s.Result())
	assert.Equal(t, check.NotTested, check.Step{}.Result())
}

// TestAStepPassesWithAllThatItNeeds: what is not tested is no pass of the step, unless nobody can test it.
func TestAStepPassesWithAllThatItNeeds(t *testing.T) {
	t.Parallel()
	optional, open := check.Line{Result: check.NotTested, Optional: true}, check.Line{ID: "a", Result: check.NotTested}
	s := check.Step{Number: 1, Lines: []check.Line{{Result: check.Pass}, optional}}
	assert.Equal(t, check.Pass, s.Result())
	assert.Equal(t, check.NotTested, check.Step{Lines: []check.Line{optional}}.Result(), "nothing was looked at")
	s.Lines = append(s.Lines, open)
	assert.Equal(t, check.NotTested, s.Result())
	assert.Equal(t, "1 passed, 2 not tested", s.Sum())
	passed := func(l check.Line) bool {
		return check.Report{Steps: []check.Step{{Number: 1, Lines: []check.Line{{Result: check.Pass}, l}}}}.PassedStep(1)
	}
	for _, id := range []string{"step1.wrong_verifier", "step2.second_mint", "step2.validate_v2"} {
		assert.True(t, passed(check.Line{ID: id, Result: check.NotTested}), id)
		assert.False(t, passed(check.Line{ID: id, Result: check.Fail}), id)
	}
	assert.False(t, passed(open))
}

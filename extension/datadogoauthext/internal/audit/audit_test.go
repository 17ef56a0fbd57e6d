package audit_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
)

var at = time.Date(2026, 1, 2, 3, 4, 1, 234567000, time.UTC)

func TestIDsSortByTimeAndLeadToTheirKeys(t *testing.T) {
	t.Parallel()
	subject := audit.Tenant("acme")
	var ids []string
	for i := range 1000 {
		ids = append(ids, audit.NewID(at.Add(time.Duration(i)*time.Microsecond), subject, audit.Classes()[i%3]))
	}
	assert.True(t, slices.IsSorted(ids))
	for i, id := range ids {
		when, ok := audit.Time(id)
		require.True(t, ok, id)
		assert.Equal(t, at.Add(time.Duration(i)*time.Microsecond), when)
		for _, key := range []string{audit.Key(id), audit.IndexKey(id)} {
			got, ok := audit.IDOf(key)
			assert.True(t, ok, key)
			assert.Equal(t, id, got)
		}
		assert.True(t, strings.HasPrefix(audit.IndexKey(id), audit.Index(subject)))
		assert.True(t, strings.HasPrefix(audit.Key(id), audit.Prefix(audit.Classes()[i%3])))
		assert.LessOrEqual(t, audit.From(when), id)
		assert.Greater(t, audit.From(when.Add(time.Microsecond)), id)
	}
	assert.NotEqual(t, audit.Tenant("main/datadoghq.eu/o1"), audit.Org("main/datadoghq.eu/o1"), "a tenant cannot take the name of an organisation")
}

func FuzzWhatIsNoIDIsRefused(f *testing.F) {
	good := audit.NewID(at, audit.Tenant("acme"), audit.Routine)
	for _, seed := range []string{good, audit.NewID(at, audit.Tenant("acme"), audit.Minor), "", "key", "settings", strings.ToUpper(good), good + "r", good + "m", "-" + good, good[1:], "t/" + good, "i/x/" + good} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, id string) {
		when, ok := audit.Time(id)
		if !ok {
			return
		}
		if key, known := audit.IDOf(audit.Key(id)); !known || key != id || !strings.HasPrefix(id, audit.From(when)) || strings.ContainsAny(id, "/\x00 ") {
			t.Errorf("%q was taken for an id", id)
		}
	})
}

func TestAFingerprintTellsSecretsApartAndNothingElse(t *testing.T) {
	t.Parallel()
	key, secret := audit.NewFingerprintKey()
	again, ok := audit.OpenFingerprintKey(secret)
	require.True(t, ok)
	other, _ := audit.NewFingerprintKey()
	const apiKey = "0123456789abcdef0123456789abcdef"
	print := key.Of("api_key", apiKey)
	assert.Regexp(t, `^hmac:[0-9a-f]{12}$`, print)
	assert.Equal(t, print, again.Of("api_key", apiKey))
	for name, different := range map[string]string{
		"another secret": key.Of("api_key", apiKey+"0"), "another kind": key.Of("access_token", apiKey), "another key": other.Of("api_key", apiKey),
		"a kind that runs into the secret": key.Of("api_key0", apiKey[1:]),
	} {
		assert.NotEqual(t, print, different, name)
	}
	assert.Empty(t, key.Of("api_key", ""))
	assert.Equal(t, "a secret", audit.FingerprintKey{}.Of("api_key", apiKey))
	_, ok = audit.OpenFingerprintKey(secret[1:])
	assert.False(t, ok)
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", key, key, key, key), fmt.Sprint(secret[0], " ", secret[1]))
}

func TestADiffNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	key, _ := audit.NewFingerprintKey()
	d := audit.Diff{Key: key}
	d.Text("same", "a", "a")
	d.Secret("same secret", "k", "s", "s")
	d.Time("same time", at, at.In(time.FixedZone("", 3600)))
	d.Text("hold", "none", "paused")
	d.Secret("api_key", "api_key", "", "the-secret")
	d.List("scopes", []string{"a"}, []string{"a", "b"})
	d.Time("connected_at", time.Time{}, at)
	d.Bool("foreign", true, false)
	d.Number("generation", 0, 7)
	d.Text("long", "", strings.Repeat("x", 2000))
	for i := range 1000 {
		d.Text(fmt.Sprint(i), "", "x")
	}
	assert.Equal(t, []audit.Change{
		{"hold", "none", "paused"}, {"api_key", "", key.Of("api_key", "the-secret")}, {"scopes", "a", "a b"}, {"connected_at", "", "2026-01-02T03:04:01Z"},
		{"foreign", "true", ""}, {"generation", "", "7"},
	}, d.Changes[:6])
	assert.Less(t, len(d.Changes[6].After), 600)
	assert.Len(t, d.Changes, 100, "a record is bounded")
	assert.NotContains(t, fmt.Sprint(d.Changes), "the-secret")
}

// Two long lists differ where the record says so, and not beyond where it is cut.
func TestADiffOfLongListsSaysWhatCameAndWent(t *testing.T) {
	t.Parallel()
	var scopes []string
	for i := range 200 {
		scopes = append(scopes, fmt.Sprintf("some_scope_%03d_read", i))
	}
	d := audit.Diff{}
	d.List("scopes", scopes, append(slices.Clone(scopes[:198]), "new_write"))
	assert.Equal(t, []audit.Change{{"scopes", "some_scope_198_read some_scope_199_read", "new_write"}}, d.Changes)

	d = audit.Diff{}
	d.List("scopes", nil, scopes)
	var all []string
	for _, c := range d.Changes {
		assert.Equal(t, "scopes", c.Field)
		assert.Empty(t, c.Before)
		assert.LessOrEqual(t, len(c.After), 512)
		all = append(all, strings.Fields(c.After)...)
	}
	assert.Equal(t, scopes, all)

	d = audit.Diff{}
	d.List("scopes", scopes, scopes)
	assert.Empty(t, d.Changes)
	d.List("scopes", scopes, append(slices.Clone(scopes[1:]), scopes[0]))
	assert.Equal(t, []audit.Change{{"scopes", "", "the same in another order"}}, d.Changes)
	d = audit.Diff{}
	d.List("names", []string{strings.Repeat("x", 600)}, []string{strings.Repeat("x", 600) + "y"})
	assert.Equal(t, []audit.Change{{"names", "…", "…y"}}, d.Changes)
}

func TestADiffOfLongTextsBeginsWhereTheyDiffer(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("주", 400)
	d := audit.Diff{}
	d.Text("support", long+"1 before", long+"2 after")
	d.Text("shorter", long, long+"!")
	d.Text("bytes", long+"\xff1", long+"\xff2")
	assert.Equal(t, []audit.Change{{"support", "…1 before", "…2 after"}, {"shorter", "…", "…!"}, {"bytes", "…1", "…2"}}, d.Changes)
}

var hostile = []string{
	"<script>alert(1)</script>", `"'` + "`", "a\nb\r\nc\u2028d\u2029e", "\u202eevil\u202c\u2066x", "\x00\x1b[31mred", "=HYPERLINK(\"http://x\")", "\xff\xfe",
	strings.Repeat("주식회사", 1000), "  white \t\v\f space  ",
}

// Each record is one line of the log, whose message nobody else has, so that a sampler drops none.
func TestARecordIsOneLineOfTheLog(t *testing.T) {
	t.Parallel()
	core, lines := observer.New(zapcore.InfoLevel)
	log := zap.New(zapcore.NewSamplerWithOptions(core, time.Minute, 1, 0)).Named("audit")
	for i, text := range hostile {
		r := audit.Record{
			ID: audit.NewID(at, audit.Tenant("acme"), audit.Lasting), At: at, Actor: audit.Actor{Kind: "operator", Name: text, Via: "api"}, What: "grant paused", Tenant: "acme", Reason: text,
		}
		d := audit.Diff{}
		d.Text("org_name", "", text)
		r.Changes = d.Changes
		r.Bound()
		r.Log(log)
		require.Equal(t, i+1, lines.Len(), "the sampler dropped it")
		line := lines.All()[i]
		assert.Equal(t, "audit", line.LoggerName)
		assert.Equal(t, "audit "+r.ID+": grant paused", line.Message)
		for _, encoder := range []zapcore.Encoder{zapcore.NewConsoleEncoder(zap.NewProductionEncoderConfig()), zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())} {
			out, err := encoder.EncodeEntry(line.Entry, line.Context)
			require.NoError(t, err)
			assert.Equal(t, 1, strings.Count(out.String(), "\n"), "%q", out.String())
			assert.NotContains(t, out.String(), "\u202e")
			assert.Less(t, out.Len(), 4000)
		}
		fields := line.ContextMap()
		if reason, ok := fields["reason"]; r.Reason != "" || ok {
			assert.Equal(t, r.Reason, reason)
		}
		assert.Equal(t, "operator", fields["actor.kind"])
		assert.Equal(t, []any{map[string]any{"field": "org_name", "before": "", "after": d.Changes[0].After}}, fields["changes"])
		encoded, err := json.Marshal(r)
		require.NoError(t, err)
		assert.NotContains(t, string(encoded), `\u0000`)
	}
	program := audit.Record{ID: "1", What: "token refreshed"}
	program.Log(log)
	assert.Equal(t, map[string]any{"id": "1", "what": "token refreshed", "actor.kind": "program"}, lines.All()[lines.Len()-1].ContextMap())
}

package grant_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// played is the tenant acme of OrgA in the EU, in one of the starts below. The tenant there is connected to the same organisation id at US1:
// whatever happens to acme leaves it as it is.
type played struct {
	*granttest.Fixture
	t *testing.T
	s *grant.Service
}

func (p *played) restart() { p.s = p.Restart(p.s) }

// refresh asks for a token that is good, in steps of time.
func (p *played) refresh(after ...time.Duration) {
	for _, d := range after {
		p.Clock.Advance(d)
		_, _ = p.s.AccessToken(p.t.Context(), "acme") // what came of it shows in the facts
	}
}

// refuses is what exporters do when the key of a tenant is refused, and waits for what comes of it.
func (p *played) refuses(tenant string) {
	cred, err := p.s.Lookup(tenant)
	if err != nil || cred.Fresh() {
		p.s.Refused(tenant, 1) // which does nothing
		return
	}
	before := len(p.Datadog.Calls(validatePath))
	require.NoError(p.t, p.s.JudgeKey(p.t.Context(), tenant))
	require.Len(p.t, p.Datadog.Calls(validatePath), before+1)
}

func (p *played) damage() {
	damage(p.t, p.Fixture, store.KindGrant)
	p.restart()
}

// starts are the facts that an event can meet.
var starts = map[string]struct {
	is   grant.Facts
	make func(*played)
}{
	"ok":    {grant.Facts{Token: grant.TokenOK, Key: grant.KeyOK, Hold: grant.HoldNone}, nil},
	"fresh": {grant.Facts{Token: grant.TokenOK, Key: grant.KeyFresh, Hold: grant.HoldNone}, nil},
	"failing": {grant.Facts{Token: grant.TokenFailing, Key: grant.KeyOK, Hold: grant.HoldNone}, func(p *played) {
		p.Datadog.Answer(tokenPath, granttest.Status(429, ""))
		p.refresh(time.Hour)
	}},
	"dead": {grant.Facts{Token: grant.TokenReauthorise, Key: grant.KeyOK, Hold: grant.HoldNone}, func(p *played) {
		p.Datadog.Answer(tokenPath, granttest.Status(400, `{"error":"invalid_grant"}`))
		p.refresh(time.Hour)
	}},
	"refused": {grant.Facts{Token: grant.TokenOK, Key: grant.KeyRefused, Hold: grant.HoldNone}, func(p *played) {
		p.Datadog.RevokeKey(eu(p.t), granttest.OrgA)
		p.refuses("acme")
	}},
	"keyless": {grant.Facts{Token: grant.TokenOK, Key: grant.KeyNone, Hold: grant.HoldNone}, nil},
	"unknown": {grant.Facts{Token: grant.TokenOK, Key: grant.KeyExistsUnknown, Hold: grant.HoldNone}, nil},
	"minting": {grant.Facts{Token: grant.TokenOK, Key: grant.KeyMinting, Hold: grant.HoldNone}, func(p *played) {
		lease, err := p.Store().Lease(p.t.Context(), "another process", time.Minute)
		require.NoError(p.t, err)
		require.NoError(p.t, p.s.BeginMint(p.t.Context(), "acme", lease.Fence()))
	}},
	"paused": {grant.Facts{Token: grant.TokenOK, Key: grant.KeyOK, Hold: grant.HoldPaused}, func(p *played) {
		require.NoError(p.t, p.s.Pause(p.t.Context(), "acme", "unpaid", "ops"))
	}},
	"disconnected": {grant.Facts{Token: grant.TokenNone, Key: grant.KeyNone, Hold: grant.HoldDisconnected}, func(p *played) {
		require.NoError(p.t, p.s.Disconnect(p.t.Context(), "acme", "contract ended", "ops"))
		require.Empty(p.t, open(p.t, p.s))
	}},
	"unreadable": {grant.Facts{Token: grant.TokenNone, Key: grant.KeyNone, Hold: grant.HoldUnreadable}, (*played).damage},
}

// begin brings acme to a start. The keys of both tenants are older than the grace period, except at "fresh".
func begin(t *testing.T, start string) *played {
	t.Helper()
	p := &played{Fixture: granttest.NewFixture(t), t: t}
	p.s = p.Start()
	_, err := p.Connect(p.s, "there", site.US1(), granttest.OrgA)
	require.NoError(t, err)
	mint := map[string]int{"keyless": 403, "unknown": 409}[start]
	if mint != 0 {
		p.Datadog.Answer(mintPath, granttest.Status(mint, ""))
	}
	_, err = p.Connect(p.s, "acme", eu(t), granttest.OrgA)
	require.Equal(t, mint != 0, err != nil, "%v", err)
	if start != "fresh" {
		p.Clock.Advance(2 * time.Minute)
		p.s.Pass(t.Context())
	}
	if prepare := starts[start].make; prepare != nil {
		prepare(p)
	}
	require.Equal(t, starts[start].is, facts(t, p.s, "acme").Facts)
	return p
}

// outcome is what an event leads to from some starts; a fact that is empty stays. why is in the reason of each fact that changed, or of the
// token where none did. calls are those to Datadog, by the last part of their path. From a start that no outcome of an event names, nothing
// changes and nobody is called.
type outcome struct {
	from  string
	token grant.TokenFact
	key   grant.KeyFact
	hold  grant.Hold
	why   string
	calls string
}

const (
	// live are the starts whose tokens can be refreshed; what the key and an operator's pause are makes no difference to that.
	live = "ok fresh failing refused keyless unknown minting paused"
	// serving are those whose key is in use, so that an intake can refuse it.
	serving = "ok failing dead"
)

var events = map[string]struct {
	do    func(*played)
	ends  []outcome
	after func(*testing.T, *played, string) // may be nil
}{
	"refresh with rotation": {
		func(p *played) { p.refresh(time.Hour) },
		[]outcome{{from: live, token: grant.TokenOK, calls: "token"}},
		func(t *testing.T, p *played, start string) {
			if strings.Contains(live, start) {
				require.NoError(t, sentTokensDiffer(p, true))
			}
		},
	},
	"refresh without rotation": {
		func(p *played) { p.Datadog.SetRotation(false); p.refresh(time.Hour) },
		[]outcome{{from: live, token: grant.TokenOK, calls: "token"}},
		func(t *testing.T, p *played, start string) {
			if strings.Contains(live, start) {
				require.NoError(t, sentTokensDiffer(p, false))
			}
		},
	},
	"invalid_grant": {
		func(p *played) { p.Datadog.Revoke(granttest.OrgA); p.refresh(time.Hour, time.Hour) },
		[]outcome{{from: live, token: grant.TokenReauthorise, why: "revoked", calls: "token"}}, nil,
	},
	"invalid_client": {
		func(p *played) {
			p.Datadog.Answer(tokenPath, granttest.Status(400, `{"error":"invalid_client"}`))
			p.refresh(time.Hour, time.Second)
		},
		[]outcome{{from: live, calls: "token"}}, rejected,
	},
	"bare 401": {
		func(p *played) {
			p.Datadog.Answer(tokenPath, granttest.Status(401, ""))
			p.refresh(time.Hour, time.Second)
		},
		[]outcome{{from: live, calls: "token"}}, rejected,
	},
	"answer lost after the effect": {
		func(p *played) {
			p.Datadog.Answer(tokenPath, p.Datadog.Lost)
			p.refresh(time.Hour, time.Hour, time.Hour)
		},
		[]outcome{{from: live, token: grant.TokenReauthorise, why: "refresh outcome unknown", calls: "token×2"}}, nil,
	},
	"missing expires_in": {
		func(p *played) {
			p.Datadog.Answer(tokenPath, granttest.Status(200, `{"access_token":"access-x-0123456789","token_type":"Bearer"}`))
			p.refresh(time.Hour)
		},
		[]outcome{{from: live, token: grant.TokenOK, calls: "token"}},
		func(t *testing.T, p *played, start string) {
			if strings.Contains(live, start) {
				assert.Equal(t, p.Clock.Now().Add(time.Hour).UTC(), facts(t, p.s, "acme").TokenExpiry.UTC())
			}
		},
	},
	"token endpoint down for hours": {
		func(p *played) {
			for range 5 {
				p.Datadog.Answer(tokenPath, granttest.Status(503, ""))
			}
			p.refresh(slices.Repeat([]time.Duration{2 * time.Hour}, 5)...)
		},
		[]outcome{{from: live, token: grant.TokenFailing, why: "503", calls: "token×5"}},
		func(t *testing.T, p *played, start string) { // it is back
			p.refresh(2 * time.Hour)
			want := starts[start].is
			if strings.Contains(live, start) {
				want.Token = grant.TokenOK
			}
			assert.Equal(t, want, facts(t, p.s, "acme").Facts)
		},
	},
	"narrower scope": {
		func(p *played) { p.Datadog.SetScope("api_keys_write"); p.refresh(time.Hour) },
		[]outcome{{from: live, token: grant.TokenOK, why: "lacks events_read", calls: "token"}}, nil,
	},
	"wider scope": {
		func(p *played) { p.Datadog.SetScope("api_keys_write events_read metrics_read"); p.refresh(time.Hour) },
		[]outcome{{from: live, token: grant.TokenOK, why: "has metrics_read", calls: "token"}}, nil,
	},
	"client disabled for the org, an hour ago": {
		func(p *played) { p.Datadog.DisableClient(granttest.OrgA); p.refresh(time.Hour) },
		[]outcome{{from: live, token: grant.TokenFailing, why: "counts as ended after a day", calls: "token"}}, nil,
	},
	"client disabled for the org, a day ago": {
		func(p *played) {
			p.Datadog.DisableClient(granttest.OrgA)
			p.refresh(time.Hour, 24*time.Hour, time.Hour)
		},
		[]outcome{{from: live, token: grant.TokenReauthorise, why: "client disabled", calls: "token×2"}}, nil,
	},
	"key revoked by the customer": {
		func(p *played) { p.Datadog.RevokeKey(eu(p.t), granttest.OrgA); p.refuses("acme") },
		[]outcome{{from: serving, key: grant.KeyRefused, why: "it was probably revoked", calls: "v1/validate v2/validate"}}, nil,
	},
	"key refused on one site only": {
		func(p *played) {
			p.Datadog.RevokeKey(eu(p.t), granttest.OrgA)
			p.refuses("there")
			p.refuses("acme")
		},
		[]outcome{
			{from: serving, key: grant.KeyRefused, why: "it was probably revoked", calls: "v1/validate v2/validate×2"},
			{from: "refused keyless unknown minting paused disconnected unreadable", calls: "v2/validate"}, // that of there
		}, nil,
	},
	"key refused that is good": {
		func(p *played) { p.refuses("acme") },
		[]outcome{{from: serving, calls: "v2/validate"}}, nil,
	},
	"record unreadable": {
		func(p *played) {
			if facts(p.t, p.s, "acme").Facts.Hold != grant.HoldUnreadable {
				p.damage()
			}
		},
		[]outcome{{from: "ok fresh failing dead refused keyless unknown minting paused disconnected", token: grant.TokenNone, key: grant.KeyNone, hold: grant.HoldUnreadable, why: "restore the store from a backup"}}, nil,
	},
	"paused": {
		func(p *played) {
			hold := facts(p.t, p.s, "acme").Facts.Hold
			err := p.s.Pause(p.t.Context(), "acme", "unpaid", "ops")
			assert.Equal(p.t, hold == grant.HoldDisconnected || hold == grant.HoldUnreadable, err != nil, "%v", err)
		},
		[]outcome{{from: "ok fresh failing dead refused keyless unknown minting", hold: grant.HoldPaused, why: "unpaid"}}, nil,
	},
	"disconnected": {
		func(p *played) {
			require.NoError(p.t, p.s.Disconnect(p.t.Context(), "acme", "contract ended", "ops"))
			require.Empty(p.t, open(p.t, p.s))
		},
		[]outcome{
			{from: "ok fresh minting paused refused", token: grant.TokenNone, key: grant.KeyNone, hold: grant.HoldDisconnected, why: "contract ended", calls: "delete revoke×2"},
			{from: "failing", token: grant.TokenNone, key: grant.KeyNone, hold: grant.HoldDisconnected, why: "contract ended", calls: "delete revoke×2 token"},
			{from: "dead", token: grant.TokenNone, key: grant.KeyNone, hold: grant.HoldDisconnected, why: "contract ended", calls: "revoke×2"},
			{from: "keyless unknown", token: grant.TokenNone, hold: grant.HoldDisconnected, why: "contract ended", calls: "revoke×2"}, // no key is known that could be deleted
			{from: "unreadable", hold: grant.HoldDisconnected, why: "ask the customer to remove the authorisation"},
		}, nil,
	},
}

// rejected is what the rejection of a client means for the customers who come next.
func rejected(t *testing.T, p *played, start string) {
	if !strings.Contains(live, start) {
		require.NoError(t, p.s.ClientReady("main"))
		return
	}
	require.ErrorContains(t, p.s.ClientReady("main"), "rejects the credentials")
}

// sentTokensDiffer compares the refresh token that acme has with the one that it sent last.
func sentTokensDiffer(p *played, want bool) error {
	tok, _, err := p.s.Stored(p.t.Context(), "acme")
	if err != nil {
		return err
	}
	calls := p.Datadog.Calls(tokenPath)
	if sent := calls[len(calls)-1].Form.Get("refresh_token"); (sent != tok.RefreshToken) != want {
		return fmt.Errorf("the refresh token was replaced: %v, want %v", !want, want)
	}
	return nil
}

// callsOf names calls by the last part of their path, sorted, with a number where there are several.
func callsOf(calls []granttest.Call) string {
	counts := map[string]int{}
	for _, c := range calls {
		name := path.Base(c.Path)
		switch {
		case name == "validate":
			name = path.Base(path.Dir(c.Path)) + "/" + name
		case c.Method == "DELETE":
			name = "delete"
		}
		counts[name]++
	}
	var names []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if n := counts[name]; n > 1 {
			name = fmt.Sprintf("%s×%d", name, n)
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

// essence is what of a status outlives a restart as it is.
func essence(st grant.TenantStatus) string {
	return fmt.Sprint(st.Facts, st.Last4, st.Generation, st.RefreshedAt.UnixNano(), st.TokenReason, st.KeyReason, st.HoldReason)
}

// Every event of a grant's life meets every start. What the facts are then, why, whether data goes on, and whom it took to find out is
// written above from what the architecture promises.
func TestEveryEventFromEveryStart(t *testing.T) {
	t.Parallel()
	for event, e := range events {
		for start := range starts {
			t.Run(event+"/"+start, func(t *testing.T) {
				t.Parallel()
				p := begin(t, start)
				before, neighbour, calls := facts(t, p.s, "acme"), facts(t, p.s, "there"), len(p.Datadog.Calls(""))
				e.do(p)

				want, end := starts[start].is, outcome{}
				for _, o := range e.ends {
					if slices.Contains(strings.Fields(o.from), start) {
						require.Zero(t, end, "two outcomes")
						end = o
					}
				}
				for fact, to := range map[*string]string{(*string)(&want.Token): string(end.token), (*string)(&want.Key): string(end.key), (*string)(&want.Hold): string(end.hold)} {
					if to != "" {
						*fact = to
					}
				}
				now := facts(t, p.s, "acme")
				assert.Equal(t, want, now.Facts)
				assert.Equal(t, end.calls, callsOf(p.Datadog.Calls("")[calls:]), "calls")
				sends := (want.Key == grant.KeyOK || want.Key == grant.KeyFresh) && want.Hold == grant.HoldNone
				_, err := p.s.Lookup("acme")
				assert.Equal(t, sends, err == nil, "sending: %v", err)
				assert.Equal(t, sends, now.Sending)
				if start != "unreadable" && now.Facts.Hold != grant.HoldUnreadable {
					assert.Equal(t, now.Facts, replayed(t, p.s, "acme"), "what the audit leads to")
				}
				if end == (outcome{}) {
					assert.Equal(t, before, now, "nothing of it changed")
				}
				if end.why != "" {
					assert.Contains(t, now.TokenReason+now.KeyReason+now.HoldReason, end.why)
				}
				if e.after != nil {
					e.after(t, p, start)
				}
				_, err = p.s.Lookup("there")
				require.NoError(t, err)
				assert.Equal(t, essence(neighbour), essence(facts(t, p.s, "there")), "the neighbour")
			})
		}
	}
}

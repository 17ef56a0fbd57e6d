package grant_test

import (
	"context"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// halfMinutes ends, at its say, the pauses between two passes of the background; shorter ones end at once.
type halfMinutes struct {
	mu    sync.Mutex // guards waits
	waits []chan time.Time
}

func (h *halfMinutes) after(d time.Duration) <-chan time.Time {
	ch := make(chan time.Time, 1)
	if d <= 10*time.Second {
		ch <- time.Time{}
		return ch
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waits = append(h.waits, ch)
	return ch
}

func (h *halfMinutes) pass() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ch := range h.waits {
		ch <- time.Time{}
	}
	h.waits = nil
}

func TestASiteThatHangsHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	var h halfMinutes
	f.Edit = func(o *grant.Options) { o.After = h.after }
	s := f.Start()
	hanging := make([]string, 2*grant.CallsAtOnce)
	for i := range hanging {
		hanging[i] = grant.SeedTenant(i)
		_, err := f.Connect(s, hanging[i], eu(t), grant.SeedOrg(i))
		require.NoError(t, err)
	}
	_, err := f.Connect(s, "elsewhere", site.US1(), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(25 * time.Hour)
	release := make(chan struct{})
	hangs := func(w http.ResponseWriter, r *http.Request) {
		if r.Host == "api.datadoghq.eu" {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		granttest.Status(503, "")(w, r)
	}
	for range 2*grant.CallsAtOnce + 1 {
		f.Datadog.Answer(tokenPath, hangs)
	}
	defer close(release)
	require.Eventually(t, func() bool {
		h.pass()
		return facts(t, s, "elsewhere").Facts.Token == grant.TokenFailing // its 503 came
	}, propagation, 5*time.Millisecond, "the other site is called while this one hangs")
	_, _, err = s.Invite(t.Context(), "acme", "", time.Hour, "operator")
	require.NoError(t, err)
	_, err = s.BeginFlow(t.Context(), grant.Flow{Tenant: "acme", Client: "main"})
	require.NoError(t, err)
	f.Clock.Advance(grant.FlowLife)
	require.Eventually(t, func() bool {
		h.pass()
		return s.Flows() == 0
	}, propagation, 5*time.Millisecond, "what ran out is swept meanwhile")
}

func TestOneMintHoldsUpNoPass(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	minting, release := f.Datadog.Held(mintPath)
	connected := make(chan error, 1)
	go func() { _, err := f.Connect(s, "acme", eu(f.TB), granttest.OrgA); connected <- err }()
	<-minting
	passed := make(chan struct{})
	go func() { s.Pass(context.WithoutCancel(t.Context())); close(passed) }()
	select {
	case <-passed:
	case <-time.After(propagation):
		t.Error("the pass waits for a customer's mint")
	}
	release()
	require.NoError(t, <-connected)
}

func TestARejectedClientIsProbedThoughItsTokensAreInBackoff(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(25 * time.Hour)
	for range 8 { // until the waits are an hour and more
		f.Datadog.Answer(tokenPath, granttest.Status(503, ""))
		s.Pass(t.Context())
		f.Clock.Advance(90 * time.Minute)
	}
	f.Datadog.Answer(tokenPath, granttest.Status(503, ""))
	s.Pass(t.Context())
	f.Datadog.SetSecret("another")
	_, err = f.Connect(s, "new", eu(t), granttest.OrgB)
	require.Error(t, err)
	require.NoError(t, os.WriteFile(f.SecretFile, []byte("another\n"), 0o600))
	f.Clock.Advance(time.Minute)
	s.Pass(t.Context())
	require.NoError(t, s.ClientReady("main"))
	assert.Equal(t, grant.TokenOK, facts(t, s, "acme").Facts.Token)
}

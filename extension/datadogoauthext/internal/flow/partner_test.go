package flow_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
)

// partner is the partner's own login: it knows who is at the browser, and says so in a ticket.
type partner struct {
	tb      testing.TB
	options flow.TicketOptions
	method  jwt.SigningMethod
	kid     string
	key     any // signs
}

// newPartner signs with Ed25519, which costs the least.
func newPartner(tb testing.TB) *partner {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(tb, err)
	return &partner{tb: tb, method: jwt.SigningMethodEdDSA, key: key, options: flow.TicketOptions{
		LoginURL: "https://login.partner.example/sso?lang=en", Issuer: "https://login.partner.example", Audience: "datadog-connect", Algorithm: "EdDSA",
		Keys: []flow.TicketKey{{File: publicKeyFile(tb, pub)}}, Client: "main",
	}}
}

func (p *partner) admits(o *flow.Options) { o.Tickets = &p.options }

func publicKeyFile(tb testing.TB, pub crypto.PublicKey) string {
	path := filepath.Join(tb.TempDir(), "key.pem")
	require.NoError(tb, os.WriteFile(path, publicPEM(tb, pub), 0o600))
	return path
}

func publicPEM(tb testing.TB, pub crypto.PublicKey) []byte {
	der, err := x509.MarshalPKIXPublicKey(pub)
	require.NoError(tb, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// claims are those of a good ticket.
func (p *partner) claims(now time.Time, nonce, tenant string) jwt.MapClaims {
	return jwt.MapClaims{
		"iss": p.options.Issuer, "aud": p.options.Audience, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": "ticket-1", "nonce": nonce, "tenant": tenant,
	}
}

func (p *partner) sign(claims jwt.Claims) string {
	token := jwt.NewWithClaims(p.method, claims)
	if p.kid != "" {
		token.Header["kid"] = p.kid
	}
	text, err := token.SignedString(p.key)
	require.NoError(p.tb, err)
	return text
}

// arrive opens the onboarding address and returns where the browser is sent to log in.
func (w *world) arrive(b *http.Client, query string) *url.URL {
	w.t.Helper()
	resp, text := w.get(b, public+"/connect"+query)
	require.Equal(w.t, http.StatusSeeOther, resp.StatusCode, text)
	return w.location(resp)
}

// returning is the address that the login sends the browser back to.
func returning(login *url.URL, ticket string) string {
	return public + "/ticket?" + url.Values{"request_id": {login.Query().Get("request_id")}, "ticket": {ticket}}.Encode()
}

// returns opens an address to which the login sends the browser, and the page on which a refused ticket ends, whose address does not hold it.
func (w *world) returns(b *http.Client, address string) (*http.Response, string) {
	w.t.Helper()
	resp, text := w.get(b, address)
	if !strings.HasPrefix(resp.Header.Get("Location"), "/connected/") {
		return resp, text
	}
	require.Equal(w.t, http.StatusSeeOther, resp.StatusCode)
	to := w.location(resp).String()
	require.Regexp(w.t, `^https://connect\.partner\.example/connected/[A-Za-z0-9_-]{43,}$`, to)
	return w.get(b, to)
}

// logIn goes from the onboarding address to the page behind the login, and returns that page's address.
func (w *world) logIn(b *http.Client, p *partner, query, tenant string, edits ...func(jwt.MapClaims)) string {
	w.t.Helper()
	login := w.arrive(b, query)
	claims := p.claims(w.Clock.Now(), login.Query().Get("nonce"), tenant)
	for _, edit := range edits {
		edit(claims)
	}
	resp, text := w.get(b, returning(login, p.sign(claims)))
	require.Equal(w.t, http.StatusSeeOther, resp.StatusCode, text)
	return w.location(resp).String()
}

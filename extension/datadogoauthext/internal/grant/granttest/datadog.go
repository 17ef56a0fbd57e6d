// Package granttest plays api.<site> of every Datadog site for tests of this extension: OAuth token and revocation endpoint, current_user,
// marketplace, validate, list and deletion of keys. It is one TLS server whose certificate names all those hosts; Client dials it whatever the name.
//
// It knows several OAuth clients. It keeps single-use codes bound to a host and a client, checks PKCE, client id, secret and redirect URI,
// and hands out one key per organisation and client and then 409. Any token of a grant revokes the whole grant. It does not imitate scopes, permissions, rate limits and expiry; a test sets those answers with Answer.
package granttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// ClientID, Secret and RedirectURL are those of the OAuth client that Datadog knows from the start.
const (
	ClientID    = "0f0f0f0f-client-1234"
	Secret      = "s3cr3t-of-the-client-0123456789"
	RedirectURL = "https://connect.partner.example/callback"
)

// Call is one request that arrived.
type Call struct {
	Host, Method, Path, Query string
	Form                      url.Values
	Header                    http.Header
}

// Datadog is the server. Build one with New.
type Datadog struct {
	server *httptest.Server
	ca     *x509.CertPool

	mu      sync.Mutex // guards the rest
	calls   []Call
	dials   []string
	answers map[string][]http.HandlerFunc // by path, each for one call
	codes   map[string]code
	refresh map[string]code // refresh token to its grant
	access  map[string]code
	keys    map[string]apiKey // by value
	rotate  bool
	scope   string          // that token answers name
	manage  bool            // whether a bearer may list and delete keys
	off     map[string]bool // organisations that disabled the client
	now     func() time.Time
	clients map[string]Client // by id
	n       int
}

// Client is an OAuth client as Datadog knows it.
type Client struct{ ID, Secret, RedirectURL string }

type code struct{ host, org, client, challenge, grant string }

func (c code) owner() owner { return owner{host: c.host, org: c.org, client: c.client} }

// owner is whose a key is. Whether Datadog gives one key for each client, or one for all clients of an organisation, is not documented.
type owner struct{ host, org, client string }

type apiKey struct {
	id, name string
	owner
	created time.Time
}

// New starts a server that ends with the test.
func New(tb testing.TB) *Datadog {
	d := &Datadog{
		answers: map[string][]http.HandlerFunc{}, codes: map[string]code{}, refresh: map[string]code{}, access: map[string]code{},
		keys: map[string]apiKey{}, rotate: true, scope: "api_keys_write events_read", clients: map[string]Client{ClientID: {ClientID, Secret, RedirectURL}}, off: map[string]bool{}, now: time.Now,
	}
	cert := certificate(tb)
	d.server = httptest.NewUnstartedServer(http.HandlerFunc(d.serve))
	d.server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	d.server.StartTLS()
	d.ca = x509.NewCertPool()
	d.ca.AddCert(cert.Leaf)
	tb.Cleanup(d.server.Close)
	return d
}

func certificate(tb testing.TB) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	var names []string
	for _, s := range site.Table() {
		names = append(names, s.Hostnames()...)
	}
	names = append(names, "evil.example", "connect.partner.example")
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "granttest"}, DNSNames: names, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		tb.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// Client reaches the server under every name. It verifies certificates.
func (d *Datadog) Client() *http.Client {
	tr := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: d.ca, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			d.mu.Lock()
			d.dials = append(d.dials, addr)
			d.mu.Unlock()
			return (&net.Dialer{}).DialContext(ctx, network, d.server.Listener.Addr().String())
		},
	}
	return &http.Client{Transport: tr, Timeout: 10 * time.Second}
}

// Close ends the server early: from then on every connection is refused.
func (d *Datadog) Close() { d.server.Close() }

// Answer has the next call of path answered by h instead.
func (d *Datadog) Answer(path string, h http.HandlerFunc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[path] = append(d.answers[path], h)
}

// Status answers with a status and a body.
func Status(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// Lost lets the call take effect and drops its answer.
func (d *Datadog) Lost(w http.ResponseWriter, r *http.Request) {
	d.handle(httptest.NewRecorder(), r)
	Drop(w, r)
}

// Held keeps the next call of path waiting until release is called, and then answers it as usual. entered is closed when the call is
// there.
func (d *Datadog) Held(path string) (entered <-chan struct{}, release func()) {
	in, out := make(chan struct{}), make(chan struct{})
	d.Answer(path, func(w http.ResponseWriter, r *http.Request) {
		close(in)
		<-out
		d.handle(w, r)
	})
	return in, func() { close(out) }
}

// Answered lets the next call of path take effect at once and keeps its answer back until release is called. entered is closed when the
// call has taken effect.
func (d *Datadog) Answered(path string) (entered <-chan struct{}, release func()) {
	in, out := make(chan struct{}), make(chan struct{})
	d.Answer(path, func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		d.handle(answer, r)
		close(in)
		<-out
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
	return in, func() { close(out) }
}

// Drop ends the connection without an answer.
func Drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// AddClient has Datadog know another client.
func (d *Datadog) AddClient(c Client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clients[c.ID] = c
}

// Code makes an authorization code for the first client as Datadog's consent page does.
func (d *Datadog) Code(at site.Site, org, challenge string) string {
	return d.CodeFor(ClientID, at, org, challenge)
}

// CodeFor is Code for the client with an id.
func (d *Datadog) CodeFor(clientID string, at site.Site, org, challenge string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.name("code")
	d.codes[c] = code{host: at.Hostname(site.HostAPI), org: org, client: clientID, challenge: challenge}
	return c
}

// RefreshToken makes a grant of an organisation as a consent does, and returns its refresh token.
func (d *Datadog) RefreshToken(at site.Site, org string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.name("refresh")
	d.refresh[t] = code{host: at.Hostname(site.HostAPI), org: org, client: ClientID, grant: t}
	return t
}

// Key makes an API key of an organisation as a mint does.
func (d *Datadog) Key(at site.Site, org string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := fmt.Sprintf("%032x", sha256.Sum256([]byte(org)))[:32]
	d.keys[key] = apiKey{id: d.name("keyid"), name: "[Partner] OAuth Client API Key 1", owner: owner{at.Hostname(site.HostAPI), org, ClientID}, created: d.now()}
	return key
}

// Revoke ends every grant of an organisation, as its administrator does.
func (d *Datadog) Revoke(org string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for t, c := range d.refresh {
		if c.org == org {
			delete(d.refresh, t)
		}
	}
}

// DisableClient is what an administrator of an organisation does on Mobile and Third-Party Access. How Datadog answers a refresh then is
// not documented; this server says access_denied.
func (d *Datadog) DisableClient(org string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off[org] = true
}

// RevokeKey ends an organisation's API keys at a site, those of every client.
func (d *Datadog) RevokeKey(at site.Site, org string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, key := range d.keys {
		if key.host == at.Hostname(site.HostAPI) && key.org == org {
			delete(d.keys, k)
		}
	}
}

// AddKey gives an organisation a key that another installation of the integration made, and returns its id.
func (d *Datadog) AddKey(at site.Site, org string, created time.Time) (id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addKey(owner{at.Hostname(site.HostAPI), org, ClientID}, created)
}

// KeyIDs are the ids of an organisation's keys.
func (d *Datadog) KeyIDs(at site.Site, org string) (ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, key := range d.keys {
		if key.host == at.Hostname(site.HostAPI) && key.org == org {
			ids = append(ids, key.id)
		}
	}
	return ids
}

// LetManageKeys says that a bearer may list and delete API keys. By default it may not.
func (d *Datadog) LetManageKeys() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.manage = true
}

// Tokens counts the refresh tokens of an organisation that are good.
func (d *Datadog) Tokens(org string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.refresh {
		if c.org == org {
			n++
		}
	}
	return n
}

// SetNow has keys dated by another clock.
func (d *Datadog) SetNow(now func() time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = now
}

// SetSecret replaces the first client's secret.
func (d *Datadog) SetSecret(secret string) { d.AddClient(Client{ClientID, secret, RedirectURL}) }

// SetScope has token answers name another scope.
func (d *Datadog) SetScope(scope string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.scope = scope
}

// SetRotation says whether a refresh replaces the refresh token. It does by default.
func (d *Datadog) SetRotation(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rotate = on
}

// Calls are the requests to path so far; an empty path means all.
func (d *Datadog) Calls(path string) []Call {
	d.mu.Lock()
	defer d.mu.Unlock()
	var some []Call
	for _, c := range d.calls {
		if path == "" || c.Path == path {
			some = append(some, c)
		}
	}
	return some
}

// Dials are the addresses that were connected to.
func (d *Datadog) Dials() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.dials...)
}

// name makes a secret that is easy to find in an output. The caller holds mu.
func (d *Datadog) name(what string) string {
	d.n++
	var b [12]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%s-%d-%x", what, d.n, b)
}

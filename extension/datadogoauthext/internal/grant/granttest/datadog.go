// Package granttest plays api.<site> of every Datadog site for tests of this extension: OAuth token endpoint, current_user,
// marketplace, validate. It is one TLS server whose certificate names all those hosts; Client dials it whatever the name.
//
// It keeps single-use codes bound to a host, checks PKCE, client id and secret, hands out one key per organisation and then
// 409. It does not imitate scopes, permissions, rate limits and expiry; a test sets those answers with Answer.
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
	"encoding/base64"
	"encoding/json"
	"fmt"
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

// ClientID, Secret and RedirectURL are those of the one OAuth client that Datadog knows.
const (
	ClientID    = "0f0f0f0f-client-1234"
	Secret      = "s3cr3t-of-the-client-0123456789"
	RedirectURL = "https://connect.partner.example/callback"
)

// Call is one request that arrived.
type Call struct {
	Host, Method, Path string
	Form               url.Values
	Header             http.Header
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
	keys    map[string]string // key to "host/org"
	minted  map[string]bool   // "host/org"
	rotate  bool
	secret  string
	n       int
}

type code struct{ host, org, challenge string }

// New starts a server that ends with the test.
func New(tb testing.TB) *Datadog {
	d := &Datadog{
		answers: map[string][]http.HandlerFunc{}, codes: map[string]code{}, refresh: map[string]code{}, access: map[string]code{},
		keys: map[string]string{}, minted: map[string]bool{}, rotate: true, secret: Secret,
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

// Drop ends the connection without an answer.
func Drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// Code makes an authorization code as Datadog's consent page does.
func (d *Datadog) Code(at site.Site, org, challenge string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.name("code")
	d.codes[c] = code{host: at.Hostname(site.HostAPI), org: org, challenge: challenge}
	return c
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

// RevokeKey ends an organisation's API key.
func (d *Datadog) RevokeKey(at site.Site, org string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	owner := at.Hostname(site.HostAPI) + "/" + org
	delete(d.minted, owner)
	for k, o := range d.keys {
		if o == owner {
			delete(d.keys, k)
		}
	}
}

// SetSecret replaces the client's secret.
func (d *Datadog) SetSecret(secret string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.secret = secret
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

func (d *Datadog) serve(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	d.mu.Lock()
	d.calls = append(d.calls, Call{Host: r.Host, Method: r.Method, Path: r.URL.Path, Form: r.PostForm, Header: r.Header.Clone()})
	var h http.HandlerFunc
	if q := d.answers[r.URL.Path]; len(q) > 0 {
		h, d.answers[r.URL.Path] = q[0], q[1:]
	}
	d.mu.Unlock()
	if h != nil {
		h(w, r)
		return
	}
	d.handle(w, r)
}

func (d *Datadog) handle(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "POST /oauth2/v1/token":
		d.token(w, r)
	case "GET /api/v2/current_user":
		if c, ok := d.bearer(w, r); ok {
			reply(w, 200, map[string]any{
				"data":     map[string]any{"type": "users", "relationships": map[string]any{"org": map[string]any{"data": map[string]any{"type": "orgs", "id": c.org}}}},
				"included": []any{map[string]any{"type": "orgs", "id": c.org, "attributes": map[string]any{"name": "Org " + c.org[:4]}}},
			})
		}
	case "POST /api/v2/api_keys/marketplace":
		d.mint(w, r)
	case "GET /api/v2/validate":
		owner, ok := d.keys[r.Header.Get("DD-API-KEY")]
		if !ok || owner[:len(r.Host)] != r.Host {
			Status(403, `{"errors":[{"title":"Forbidden"}]}`)(w, r)
			return
		}
		reply(w, 200, map[string]any{"data": map[string]any{"type": "validate_v2", "id": owner[len(r.Host)+1:], "attributes": map[string]any{"valid": true}}})
	case "GET /api/v1/validate":
		if owner, ok := d.keys[r.Header.Get("DD-API-KEY")]; !ok || owner[:len(r.Host)] != r.Host {
			Status(403, `{"errors":["Forbidden"]}`)(w, r)
			return
		}
		reply(w, 200, map[string]any{"valid": true})
	default:
		Status(404, `{"errors":["Not found"]}`)(w, r)
	}
}

func (d *Datadog) token(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code string) {
		reply(w, status, map[string]any{"error": code, "error_description": "refused by the test server"})
	}
	if r.PostForm.Get("client_id") != ClientID || r.PostForm.Get("client_secret") != d.secret || r.Header.Get("Authorization") != "" {
		refuse(401, "invalid_client")
		return
	}
	var c code
	var ok bool
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		name := r.PostForm.Get("code")
		c, ok = d.codes[name]
		delete(d.codes, name)
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		ok = ok && c.host == r.Host && base64.RawURLEncoding.EncodeToString(sum[:]) == c.challenge && r.PostForm.Get("redirect_uri") == RedirectURL
	case "refresh_token":
		c, ok = d.refresh[r.PostForm.Get("refresh_token")]
		ok = ok && c.host == r.Host
	}
	if !ok {
		refuse(400, "invalid_grant")
		return
	}
	body := map[string]any{"token_type": "Bearer", "expires_in": 3600, "scope": "api_keys_write events_read"}
	access := d.name("access")
	d.access[access] = c
	body["access_token"] = access
	if r.PostForm.Get("grant_type") == "authorization_code" || d.rotate {
		delete(d.refresh, r.PostForm.Get("refresh_token"))
		next := d.name("refresh")
		d.refresh[next] = c
		body["refresh_token"] = next
	}
	reply(w, 200, body)
}

func (d *Datadog) bearer(w http.ResponseWriter, r *http.Request) (code, bool) {
	c, ok := d.access[trimBearer(r.Header.Get("Authorization"))]
	if !ok || c.host != r.Host {
		Status(403, `{"errors":["Forbidden"]}`)(w, r)
		return c, false
	}
	return c, true
}

func (d *Datadog) mint(w http.ResponseWriter, r *http.Request) {
	c, ok := d.bearer(w, r)
	if !ok {
		return
	}
	owner := r.Host + "/" + c.org
	if d.minted[owner] {
		Status(409, `{"errors":["An API key with this name already exists"]}`)(w, r)
		return
	}
	var b [16]byte
	_, _ = rand.Read(b[:])
	key := fmt.Sprintf("%x", b)
	d.minted[owner], d.keys[key] = true, owner
	reply(w, 201, map[string]any{"data": map[string]any{"type": "api_keys", "id": d.name("keyid"), "attributes": map[string]any{
		"key": key, "last4": key[28:], "name": "[Partner] OAuth Client API Key 1",
	}}})
}

func trimBearer(header string) string {
	const scheme = "Bearer "
	if len(header) < len(scheme) || header[:len(scheme)] != scheme {
		return ""
	}
	return header[len(scheme):]
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// Package granttest plays api.<site> of every Datadog site for tests of this extension: OAuth token and revocation endpoint, current_user,
// marketplace, validate, list and deletion of keys. It is one TLS server whose certificate names all those hosts; Client dials it whatever the name.
//
// It keeps single-use codes bound to a host, checks PKCE, client id and secret, hands out one key per organisation and then
// 409. Any token of a grant revokes the whole grant. It does not imitate scopes, permissions, rate limits and expiry; a test sets those answers with Answer.
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
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
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
	secret  string
	n       int
}

type code struct{ host, org, challenge, grant string }

type apiKey struct {
	id, name, owner string // owner is "host/org"
	created         time.Time
}

// New starts a server that ends with the test.
func New(tb testing.TB) *Datadog {
	d := &Datadog{
		answers: map[string][]http.HandlerFunc{}, codes: map[string]code{}, refresh: map[string]code{}, access: map[string]code{},
		keys: map[string]apiKey{}, rotate: true, scope: "api_keys_write events_read", secret: Secret, off: map[string]bool{}, now: time.Now,
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

// Code makes an authorization code as Datadog's consent page does.
func (d *Datadog) Code(at site.Site, org, challenge string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.name("code")
	d.codes[c] = code{host: at.Hostname(site.HostAPI), org: org, challenge: challenge}
	return c
}

// RefreshToken makes a grant of an organisation as a consent does, and returns its refresh token.
func (d *Datadog) RefreshToken(at site.Site, org string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.name("refresh")
	d.refresh[t] = code{host: at.Hostname(site.HostAPI), org: org, grant: t}
	return t
}

// Key makes an API key of an organisation as a mint does.
func (d *Datadog) Key(at site.Site, org string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	owner, key := at.Hostname(site.HostAPI)+"/"+org, fmt.Sprintf("%032x", sha256.Sum256([]byte(org)))[:32]
	d.keys[key] = apiKey{id: d.name("keyid"), name: "[Partner] OAuth Client API Key 1", owner: owner, created: d.now()}
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

// RevokeKey ends an organisation's API keys.
func (d *Datadog) RevokeKey(at site.Site, org string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, key := range d.keys {
		if key.owner == at.Hostname(site.HostAPI)+"/"+org {
			delete(d.keys, k)
		}
	}
}

// AddKey gives an organisation a key that another installation of the integration made, and returns its id.
func (d *Datadog) AddKey(at site.Site, org string, created time.Time) (id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addKey(at.Hostname(site.HostAPI)+"/"+org, created)
}

// KeyIDs are the ids of an organisation's keys.
func (d *Datadog) KeyIDs(at site.Site, org string) (ids []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, key := range d.keys {
		if key.owner == at.Hostname(site.HostAPI)+"/"+org {
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

// SetSecret replaces the client's secret.
func (d *Datadog) SetSecret(secret string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.secret = secret
}

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

func (d *Datadog) serve(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	d.mu.Lock()
	d.calls = append(d.calls, Call{Host: r.Host, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Form: r.PostForm, Header: r.Header.Clone()})
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
		key, ok := d.keys[r.Header.Get("DD-API-KEY")]
		if !ok || key.owner[:len(r.Host)] != r.Host {
			Status(403, `{"errors":[{"title":"Forbidden"}]}`)(w, r)
			return
		}
		reply(w, 200, map[string]any{"data": map[string]any{"type": "validate_v2", "id": key.owner[len(r.Host)+1:], "attributes": map[string]any{"valid": true}}})
	case "GET /api/v1/validate":
		if key, ok := d.keys[r.Header.Get("DD-API-KEY")]; !ok || key.owner[:len(r.Host)] != r.Host {
			Status(403, `{"errors":["Forbidden"]}`)(w, r)
			return
		}
		reply(w, 200, map[string]any{"valid": true})
	case "POST /oauth2/v1/revoke":
		d.revoke(w, r)
	case "GET /api/v2/api_keys":
		d.listKeys(w, r)
	default:
		if id, ok := strings.CutPrefix(r.URL.Path, "/api/v2/api_keys/"); ok && r.Method == http.MethodDelete {
			d.deleteKey(w, r, id)
			return
		}
		Status(404, `{"errors":["Not found"]}`)(w, r)
	}
}

// authenticated checks the client's credentials. The caller holds mu.
func (d *Datadog) authenticated(w http.ResponseWriter, r *http.Request) bool {
	if r.PostForm.Get("client_id") == ClientID && r.PostForm.Get("client_secret") == d.secret && r.Header.Get("Authorization") == "" {
		return true
	}
	refuse(w, 401, "invalid_client")
	return false
}

func refuse(w http.ResponseWriter, status int, code string) {
	reply(w, status, map[string]any{"error": code, "error_description": "refused by the test server"})
}

// revoke ends the grant of a token. One that is not known is a success (RFC 7009 §2.2).
func (d *Datadog) revoke(w http.ResponseWriter, r *http.Request) {
	if !d.authenticated(w, r) {
		return
	}
	c, ok := d.refresh[r.PostForm.Get("token")]
	if !ok {
		c, ok = d.access[r.PostForm.Get("token")]
	}
	same := func(_ string, other code) bool { return ok && c.host == r.Host && other.grant == c.grant }
	maps.DeleteFunc(d.refresh, same)
	maps.DeleteFunc(d.access, same)
	w.WriteHeader(http.StatusOK)
}

// manager is bearer for calls that need a permission on keys.
func (d *Datadog) manager(w http.ResponseWriter, r *http.Request) (owner string, ok bool) {
	c, ok := d.bearer(w, r)
	if ok && !d.manage {
		Status(403, `{"errors":["Forbidden","Failed permission authorization checks"]}`)(w, r)
		return "", false
	}
	return r.Host + "/" + c.org, ok
}

func (d *Datadog) listKeys(w http.ResponseWriter, r *http.Request) {
	owner, ok := d.manager(w, r)
	if !ok {
		return
	}
	data := []any{}
	for value, key := range d.keys {
		if key.owner == owner && strings.Contains(key.name, r.URL.Query().Get("filter")) {
			data = append(data, map[string]any{"type": "api_keys", "id": key.id, "attributes": map[string]any{
				"name": key.name, "last4": value[28:], "created_at": key.created.UTC().Format(time.RFC3339Nano),
			}})
		}
	}
	reply(w, 200, map[string]any{"data": data})
}

func (d *Datadog) deleteKey(w http.ResponseWriter, r *http.Request, id string) {
	owner, ok := d.manager(w, r)
	if !ok {
		return
	}
	for value, key := range d.keys {
		if key.owner == owner && key.id == id {
			delete(d.keys, value)
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	Status(404, `{"errors":["API key not found"]}`)(w, r)
}

func (d *Datadog) token(w http.ResponseWriter, r *http.Request) {
	if !d.authenticated(w, r) {
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
		refuse(w, 400, "invalid_grant")
		return
	}
	if d.off[c.org] {
		refuse(w, 400, "access_denied")
		return
	}
	if c.grant == "" {
		c.grant = d.name("grant")
	}
	body := map[string]any{"token_type": "Bearer", "expires_in": 3600, "scope": d.scope}
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
	for _, key := range d.keys {
		if key.owner == owner {
			Status(409, `{"errors":["An API key with this name already exists"]}`)(w, r)
			return
		}
	}
	id := d.addKey(owner, d.now())
	for value, key := range d.keys {
		if key.id == id {
			reply(w, 201, map[string]any{"data": map[string]any{"type": "api_keys", "id": id, "attributes": map[string]any{
				"key": value, "last4": value[28:], "name": key.name,
			}}})
		}
	}
}

// addKey makes a key of 32 hexadecimal digits. The caller holds mu.
func (d *Datadog) addKey(owner string, created time.Time) (id string) {
	var b [16]byte
	_, _ = rand.Read(b[:])
	id = d.name("keyid")
	d.keys[fmt.Sprintf("%x", b)] = apiKey{id: id, owner: owner, created: created, name: "[Partner] OAuth Client API Key " + id}
	return id
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

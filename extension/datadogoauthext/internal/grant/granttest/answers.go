package granttest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"
)

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
		if !ok || key.host != r.Host {
			Status(403, `{"errors":[{"title":"Forbidden"}]}`)(w, r)
			return
		}
		reply(w, 200, map[string]any{"data": map[string]any{"type": "validate_v2", "id": key.org, "attributes": map[string]any{"valid": true}}})
	case "GET /api/v1/validate":
		if key, ok := d.keys[r.Header.Get("DD-API-KEY")]; !ok || key.host != r.Host {
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

// authenticated checks a client's credentials. The caller holds mu.
func (d *Datadog) authenticated(w http.ResponseWriter, r *http.Request) (Client, bool) {
	c, known := d.clients[r.PostForm.Get("client_id")]
	if known && r.PostForm.Get("client_secret") == c.Secret && r.Header.Get("Authorization") == "" {
		return c, true
	}
	refuse(w, 401, "invalid_client")
	return c, false
}

func refuse(w http.ResponseWriter, status int, code string) {
	reply(w, status, map[string]any{"error": code, "error_description": "refused by the test server"})
}

// revoke ends the grant of a token. One that is not known is a success, and one of another client is refused (RFC 7009 §2.1, §2.2).
func (d *Datadog) revoke(w http.ResponseWriter, r *http.Request) {
	client, good := d.authenticated(w, r)
	if !good {
		return
	}
	c, ok := d.refresh[r.PostForm.Get("token")]
	if !ok {
		c, ok = d.access[r.PostForm.Get("token")]
	}
	if ok && c.client != client.ID {
		refuse(w, 400, "unauthorized_client")
		return
	}
	same := func(_ string, other code) bool { return ok && c.host == r.Host && other.grant == c.grant }
	maps.DeleteFunc(d.refresh, same)
	maps.DeleteFunc(d.access, same)
	w.WriteHeader(http.StatusOK)
}

// manager is bearer for calls that need a permission on keys, which then are all keys of the organisation.
func (d *Datadog) manager(w http.ResponseWriter, r *http.Request) (c code, ok bool) {
	c, ok = d.bearer(w, r)
	if ok && !d.manage {
		Status(403, `{"errors":["Forbidden","Failed permission authorization checks"]}`)(w, r)
		return c, false
	}
	return c, ok
}

func (d *Datadog) listKeys(w http.ResponseWriter, r *http.Request) {
	c, ok := d.manager(w, r)
	if !ok {
		return
	}
	data := []any{}
	for value, key := range d.keys {
		if key.host == c.host && key.org == c.org && strings.Contains(key.name, r.URL.Query().Get("filter")) {
			data = append(data, map[string]any{"type": "api_keys", "id": key.id, "attributes": map[string]any{
				"name": key.name, "last4": value[28:], "created_at": key.created.UTC().Format(time.RFC3339Nano),
			}})
		}
	}
	reply(w, 200, map[string]any{"data": data})
}

func (d *Datadog) deleteKey(w http.ResponseWriter, r *http.Request, id string) {
	c, ok := d.manager(w, r)
	if !ok {
		return
	}
	for value, key := range d.keys {
		if key.host == c.host && key.org == c.org && key.id == id {
			delete(d.keys, value)
			w.WriteHeader(http.StatusNoContent)
			return
		}
	}
	Status(404, `{"errors":["API key not found"]}`)(w, r)
}

func (d *Datadog) token(w http.ResponseWriter, r *http.Request) {
	client, ok := d.authenticated(w, r)
	if !ok {
		return
	}
	var c code
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		name := r.PostForm.Get("code")
		c, ok = d.codes[name]
		delete(d.codes, name)
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		ok = ok && c.host == r.Host && base64.RawURLEncoding.EncodeToString(sum[:]) == c.challenge && r.PostForm.Get("redirect_uri") == client.RedirectURL
	case "refresh_token":
		c, ok = d.refresh[r.PostForm.Get("refresh_token")]
		ok = ok && c.host == r.Host
	default:
		ok = false
	}
	if !ok || c.client != client.ID {
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
	for _, key := range d.keys {
		if key.owner == c.owner() {
			Status(409, `{"errors":["An API key with this name already exists"]}`)(w, r)
			return
		}
	}
	id := d.addKey(c.owner(), d.now())
	for value, key := range d.keys {
		if key.id == id {
			reply(w, 201, map[string]any{"data": map[string]any{"type": "api_keys", "id": id, "attributes": map[string]any{
				"key": value, "last4": value[28:], "name": key.name,
			}}})
		}
	}
}

// addKey makes a key of 32 hexadecimal digits. The caller holds mu.
func (d *Datadog) addKey(o owner, created time.Time) (id string) {
	var b [16]byte
	_, _ = rand.Read(b[:])
	id = d.name("keyid")
	d.keys[fmt.Sprintf("%x", b)] = apiKey{id: id, owner: o, created: created, name: "[Partner] OAuth Client API Key " + id}
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

package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// finalText is what Datadog asks partners to show at the end.
const finalText = "You may now close this tab"

// Invite asks the collector's admin API for a connect link, as the partner's backend would.
func (n *Node) Invite(ctx context.Context, tenant string) (string, error) {
	status, body, err := n.Admin(ctx, http.MethodPost, "/v1/invitations", map[string]string{"tenant": tenant, "lifetime": "1h"})
	if err != nil {
		return "", err
	}
	var answer struct{ Link string }
	if err := json.Unmarshal(body, &answer); status != http.StatusCreated || err != nil || answer.Link == "" {
		return "", fmt.Errorf("invite %s: %d: %s", tenant, status, body)
	}
	return answer.Link, nil
}

// Connect does what a customer does: open the link, press Connect, choose the organisation at Datadog, press Authorize.
func (n *Node) Connect(ctx context.Context, c Customer) error {
	link, err := n.Invite(ctx, c.Tenant)
	if err != nil {
		return err
	}
	b, err := NewBrowser(n.world.Standin.ProxyURL(), n.world.roots)
	if err != nil {
		return err
	}
	defer b.Close()
	start, err := b.Open(ctx, link)
	if err != nil {
		return err
	}
	consent, err := b.Submit(ctx, start, nil)
	if err != nil {
		return fmt.Errorf("start page of %s: %w", c.Tenant, err)
	}
	last, err := b.Submit(ctx, consent, map[string]string{"action": "authorize", "org": c.Org.ID, "site": c.Org.Site})
	if err != nil {
		return fmt.Errorf("consent page of %s: %w", c.Tenant, err)
	}
	if last.Status != http.StatusOK || !strings.Contains(last.Body, finalText) {
		return fmt.Errorf("%s was not connected: %d: %s", c.Tenant, last.Status, last.Text())
	}
	return nil
}

// Tenant is what the admin API tells of one.
type Tenant struct {
	Tenant string
	Site   string
	Org    struct{ ID, Name string }
	Token  struct{ State, Reason string }
	Key    struct{ State, Reason, Last4 string }
	Hold   struct{ State, Reason string }
}

// Tenants asks the admin API.
func (n *Node) Tenants(ctx context.Context) ([]Tenant, error) {
	status, body, err := n.Admin(ctx, http.MethodGet, "/v1/tenants", nil)
	if err != nil {
		return nil, err
	}
	var answer struct{ Tenants []Tenant }
	if err := json.Unmarshal(body, &answer); status != http.StatusOK || err != nil {
		return nil, fmt.Errorf("list tenants: %d: %s", status, body)
	}
	return answer.Tenants, nil
}

// Admin asks the admin listener as its operator. What of the API is not as its own document says is an error.
func (n *Node) Admin(ctx context.Context, method, path string, in any) (status int, body []byte, err error) {
	var payload io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return 0, nil, err
		}
		payload = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, n.AdminURL+path, payload)
	if err != nil {
		return 0, nil, err
	}
	if err := n.world.Authenticate(req); err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	client := n.world.direct
	if strings.HasPrefix(path, "/v1/") {
		if client, err = n.APIClient(ctx); err != nil {
			return 0, nil, err
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	return resp.StatusCode, body, err
}

// OperatorToken is what an operator logs in with.
func (w *World) OperatorToken() (name, secret string) { return "demo", w.adminToken }

// Authenticate makes a request for an admin listener an operator's, as the API expects it: with the token; or as pages do: with the
// cookie of a login.
func (w *World) Authenticate(req *http.Request) error {
	if strings.HasPrefix(req.URL.Path, "/v1/") {
		req.Header.Set("Authorization", "Bearer "+w.adminToken)
		return nil
	}
	name, secret := w.OperatorToken()
	login, err := http.NewRequestWithContext(req.Context(), http.MethodPost, req.URL.Scheme+"://"+req.URL.Host+"/login",
		strings.NewReader(url.Values{"name": {name}, "token": {secret}}.Encode()))
	if err != nil {
		return err
	}
	login.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := w.direct.Transport.RoundTrip(login) // which follows no redirect
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther {
		return fmt.Errorf("log in at the admin listener: %s", resp.Status)
	}
	for _, c := range resp.Cookies() {
		req.AddCookie(c)
	}
	return nil
}

// HTTPClient trusts what the world's listeners show, and goes to them directly.
func (w *World) HTTPClient() *http.Client { return w.direct }

// NewBrowser is a customer's, with an address and cookies of its own.
func (w *World) NewBrowser() (*Browser, error) { return NewBrowser(w.Standin.ProxyURL(), w.roots) }

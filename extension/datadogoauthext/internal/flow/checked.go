package flow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// Checker opens the pages as a browser would, within the process, for a check of the configuration. It is counted nowhere, held up by no
// limit, and leaves nothing in the store.
type Checker struct {
	flow  *Flow
	pages http.Handler
}

// Checker makes one.
func (f *Flow) Checker() (*Checker, error) {
	quiet := *f
	quiet.Outcome, quiet.writeLimit, quiet.readLimit = nil, nil, nil
	pages, err := quiet.Handler()
	return &Checker{flow: &quiet, pages: pages}, err
}

// startField is the hidden field of the connect page.
var startField = regexp.MustCompile(`name="start" value="([^"]*)"`)

// Begin opens the connect link with a secret and a query, presses its button, and returns where the browser is sent. The consent that began
// is taken out of the store again.
func (c *Checker) Begin(ctx context.Context, secret string, query url.Values) (*url.URL, error) {
	link := c.flow.prefix + "/connect/" + secret
	page := c.open(ctx, http.MethodGet, link+"?"+query.Encode(), nil)
	field := startField.FindStringSubmatch(page.body.String())
	if page.status != http.StatusOK || field == nil {
		return nil, fmt.Errorf("the connect page answered %d and has no button", page.status)
	}
	sent := c.open(ctx, http.MethodPost, link, url.Values{"start": {html.UnescapeString(field[1])}})
	to, err := sent.redirect()
	if err != nil {
		return nil, fmt.Errorf("the button of the connect page: %w", err)
	}
	_, err = c.flow.Grants.ConsumeFlow(ctx, to.Query().Get("state"))
	if errors.Is(err, grant.ErrNoFlow) {
		err = errors.New("the state of the consent page is not the one that was stored")
	}
	return to, err
}

// Tile opens the onboarding address with a query, and returns where the browser is sent; nil where customers come by links only. The login
// that began runs out by itself.
func (c *Checker) Tile(ctx context.Context, query url.Values) (*url.URL, error) {
	if c.flow.tickets == nil {
		return nil, nil
	}
	to, err := c.open(ctx, http.MethodGet, c.flow.prefix+"/connect?"+query.Encode(), nil).redirect()
	if err != nil {
		return nil, fmt.Errorf("the onboarding page: %w", err)
	}
	if want, err := url.Parse(c.flow.tickets.LoginURL); err != nil || to.Host != want.Host {
		return nil, errors.New("the onboarding page leads elsewhere than to flow::tickets::login_url")
	}
	return to, nil
}

// LastPage is the page on which a good consent ends.
func (c *Checker) LastPage() (string, error) {
	var answer recorder
	c.flow.render(&answer, &http.Request{}, http.StatusOK, "connected.html", page{Message: "connected", Tenant: isolate("a check"), Site: site.US1()})
	if answer.status != http.StatusOK {
		return "", fmt.Errorf("the last page answered %d", answer.status)
	}
	return answer.body.String(), nil
}

// open asks the pages, with what a browser says of a form that comes from the page itself.
func (c *Checker) open(ctx context.Context, method, address string, form url.Values) *recorder {
	answer := &recorder{}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.flow.PublicURL, c.flow.prefix)+address, strings.NewReader(form.Encode()))
	if err != nil {
		answer.WriteHeader(http.StatusBadRequest)
		return answer
	}
	r.RequestURI, r.RemoteAddr = address, "127.0.0.1:0"
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	c.pages.ServeHTTP(answer, r)
	return answer
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header {
	if r.header == nil {
		r.header = http.Header{}
	}
	return r.header
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

// redirect is where the answer leads.
func (r *recorder) redirect() (*url.URL, error) {
	if r.status != http.StatusSeeOther && r.status != http.StatusFound {
		return nil, fmt.Errorf("it answered %d and leads nowhere", r.status)
	}
	return url.Parse(r.Header().Get("Location"))
}

package world

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/html"
)

// Browser is a customer's browser, as far as forms, cookies and redirects go. It reaches Datadog's hosts through the
// stand-in's proxy and everything on loopback directly.
type Browser struct {
	client *http.Client
}

// NewBrowser trusts what pool holds.
func NewBrowser(proxy *url.URL, pool *x509.CertPool) (*Browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{LocalAddr: nextAddress()}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(address); err == nil && host == PartnerHost {
				address = net.JoinHostPort("127.0.0.1", port)
			}
			return dialer.DialContext(ctx, network, address)
		},
		TLSClientConfig: &tls.Config{RootCAs: pool},
		Proxy: func(r *http.Request) (*url.URL, error) {
			if host := r.URL.Hostname(); host == "localhost" || host == "127.0.0.1" || host == PartnerHost {
				return nil, nil
			}
			return proxy, nil
		},
	}
	return &Browser{client: &http.Client{Transport: transport, Jar: jar, Timeout: 30 * time.Second}}, nil
}

// Close lets go of connections.
func (b *Browser) Close() { b.client.CloseIdleConnections() }

// Page is what the browser shows.
type Page struct {
	URL    *url.URL
	Status int
	Body   string
	Form   *Form // the first form, if any
}

// Form is a form with the values that a person would find filled in.
type Form struct {
	Action  string
	Method  string
	Values  url.Values
	Choices map[string][]string // values offered by radio buttons, selects and submit buttons, by name
}

// Open loads an address, following redirects as a browser does.
func (b *Browser) Open(ctx context.Context, address string) (*Page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return b.do(req)
}

// Submit sends a page's form with some values set.
func (b *Browser) Submit(ctx context.Context, p *Page, set map[string]string) (*Page, error) {
	if p.Form == nil {
		return nil, fmt.Errorf("%s shows no form: %s", p.URL.Host, p.Text())
	}
	for name, value := range set {
		p.Form.Values.Set(name, value)
	}
	action, err := p.URL.Parse(p.Form.Action)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, strings.ToUpper(p.Form.Method), action.String(), strings.NewReader(p.Form.Values.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Origin", p.URL.Scheme+"://"+p.URL.Host)
	return b.do(req)
}

func (b *Browser) do(req *http.Request) (*Page, error) {
	resp, err := b.client.Do(req)
	if err != nil {
		// url.Error quotes the address, and addresses of the flow carry codes and state.
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return nil, fmt.Errorf("open %s: %w", req.URL.Host, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	p := &Page{URL: resp.Request.URL, Status: resp.StatusCode, Body: string(body)}
	p.Form, err = firstForm(p.Body)
	return p, err
}

// Text is the page without markup, on one line.
func (p *Page) Text() string {
	var out strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(p.Body))
	hidden := false
	for {
		switch tokens.Next() {
		case html.ErrorToken:
			return strings.Join(strings.Fields(out.String()), " ")
		case html.StartTagToken:
			name, _ := tokens.TagName()
			hidden = string(name) == "style" || string(name) == "script"
		case html.EndTagToken:
			hidden = false
		case html.TextToken:
			if !hidden {
				out.Write(tokens.Text())
				out.WriteByte(' ')
			}
		}
	}
}

func firstForm(page string) (*Form, error) {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return nil, err
	}
	var form *Form
	var visit func(n *html.Node, in *Form)
	visit = func(n *html.Node, in *Form) {
		if n.Type == html.ElementNode {
			switch n.Data {
			case "form":
				if form == nil {
					form = &Form{Action: attr(n, "action"), Method: attr(n, "method"), Values: url.Values{}, Choices: map[string][]string{}}
					in = form
				}
			case "input", "button", "option":
				if in != nil {
					in.field(n)
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			visit(c, in)
		}
	}
	visit(root, nil)
	return form, nil
}

func (f *Form) field(n *html.Node) {
	name, value := attr(n, "name"), attr(n, "value")
	if n.Data == "option" && n.Parent != nil {
		name = attr(n.Parent, "name")
		f.Choices[name] = append(f.Choices[name], value)
		if has(n, "selected") || f.Values.Get(name) == "" {
			f.Values.Set(name, value)
		}
		return
	}
	kind := attr(n, "type")
	switch {
	case name == "":
	case n.Data == "button" || kind == "submit":
		f.Choices[name] = append(f.Choices[name], value)
	case kind == "radio" || kind == "checkbox":
		f.Choices[name] = append(f.Choices[name], value)
		if has(n, "checked") {
			f.Values.Set(name, value)
		}
	default:
		f.Values.Set(name, value)
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

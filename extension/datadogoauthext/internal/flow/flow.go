package flow

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// Client is what the pages need to know of an OAuth client.
type Client struct {
	ClientID    string
	Stage       string
	RedirectURL string // checked by the configuration: https, of the same origin as PublicURL
}

// Options are for New.
type Options struct {
	Grants  *grant.Service
	Clients map[string]Client // by name
	// PublicURL is where browsers reach these pages: an https origin, with a path when the pages are mounted below one.
	PublicURL   string
	PartnerName string
	Logger      *zap.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Outcome counts how a consent ended, by one of a closed set of words. It may be nil.
	Outcome func(ctx context.Context, outcome string)
}

// Flow serves the public pages. Build one with New.
type Flow struct {
	Options
	prefix  string              // path of PublicURL, without a slash at the end
	paths   map[string]struct{} // of callbacks
	starts  shelf[start]
	results shelf[result]
}

// New does no I/O.
func New(opts Options) (*Flow, error) {
	public, err := url.Parse(opts.PublicURL)
	if err != nil {
		return nil, err
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	f := &Flow{Options: opts, prefix: strings.TrimSuffix(public.Path, "/"), paths: map[string]struct{}{}}
	f.starts.init(opts.Now, grant.FlowLife)
	f.results.init(opts.Now, grant.FlowLife)
	for _, c := range opts.Clients {
		u, err := url.Parse(c.RedirectURL)
		if err != nil {
			return nil, err
		}
		f.paths[u.Path] = struct{}{}
	}
	return f, nil
}

// Link is the connect link that belongs to the secret of an invitation.
func (f *Flow) Link(secret string) string {
	return strings.TrimSuffix(f.PublicURL, "/") + "/connect/" + secret
}

// Handler returns the whole public listener.
func (f *Flow) Handler() (http.Handler, error) {
	// The POST of the connect page has to come from that page. Browsers tell by Sec-Fetch-Site; those that do not know it
	// (Safari before 16.4) by Origin, which holds this origin because of the page's Referrer-Policy.
	sameOrigin := http.NewCrossOriginProtection()
	public, err := url.Parse(f.PublicURL)
	if err != nil {
		return nil, err
	}
	if err := sameOrigin.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
		return nil, err
	}
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.fail(w, r, http.StatusForbidden, "foreign_page", "This form was not sent by this page. Open the connect link and press the button there.")
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+f.prefix+"/connect/{invitation}", f.connectPage)
	mux.Handle("POST "+f.prefix+"/connect/{invitation}", sameOrigin.Handler(http.HandlerFunc(f.begin)))
	mux.HandleFunc("GET "+f.prefix+"/connected/{result}", f.connected)
	for path := range f.paths {
		mux.HandleFunc("GET "+path, f.callback)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		f.message(w, http.StatusNotFound, "Nothing here", "Check that you opened the whole connect link.")
	})
	return withHeaders(mux), nil
}

func (f *Flow) count(ctx context.Context, outcome string) {
	if f.Outcome != nil {
		f.Outcome(ctx, outcome)
	}
}

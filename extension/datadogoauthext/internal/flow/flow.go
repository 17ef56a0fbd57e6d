package flow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/lang"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/ratelimit"
)

// Client is what the pages need to know of an OAuth client.
type Client struct {
	ClientID    string
	Stage       string
	RedirectURL string // checked by the configuration: https, of the same origin as PublicURL, and no OwnPage
}

// Options are for New.
type Options struct {
	Grants  *grant.Service
	Clients map[string]Client // by name
	// PublicURL is where browsers reach these pages: an https origin, with a path when the pages are mounted below one.
	PublicURL   string
	PartnerName string
	// Support is where customers get help, as pages show it: an https or mailto address, or a text such as a telephone number. It may be empty.
	Support string
	// Sealer seals what travels with the browser. NewSealer makes one of the tokens keyset. All collectors behind PublicURL need the same.
	Sealer Sealer
	// Tickets say how the partner's own login admits customers. Without them customers connect by links only.
	Tickets *TicketOptions
	// PerAddress is how many requests that write something one remote address may send a minute, and at once; 0 means no limit. Pages
	// that only read the store may be opened ten times as often.
	// Forwarded headers are never read, so behind a proxy all customers share one address: leave the limit to the proxy.
	PerAddress int
	Logger     *zap.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Outcome counts how a consent ended, by one of a closed set of words. It may be nil.
	Outcome func(ctx context.Context, outcome string)
}

// Flow serves the public pages. Build one with New. It remembers no customer between two requests.
type Flow struct {
	Options
	prefix  string              // path of PublicURL, without a slash at the end
	paths   map[string]struct{} // of callbacks
	tickets *tickets            // nil without a login
	lookUps chan struct{}       // holds one for each look-up under way
	words   map[lang.Lang]*words

	writeLimit, readLimit *ratelimit.Limiter // nil without a limit
	loginLimit            *rate.Limiter
}

// New reads the key files of Tickets, and does no other I/O.
func New(opts Options) (*Flow, error) {
	public, err := url.Parse(opts.PublicURL)
	if err != nil {
		return nil, err
	}
	if opts.Sealer == nil {
		return nil, errors.New("a sealer is needed for what travels with the browser")
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	f := &Flow{
		Options: opts, prefix: strings.TrimSuffix(public.Path, "/"), paths: map[string]struct{}{}, lookUps: make(chan struct{}, maxLookUps),
		loginLimit: rate.NewLimiter(loginsPerSecond, loginsAtOnce), words: map[lang.Lang]*words{},
	}
	for l, c := range catalogues() {
		if f.words[l], err = newWords(c); err != nil {
			return nil, fmt.Errorf("words of the pages in %s: %w", l, err)
		}
	}
	if opts.PerAddress > 0 {
		f.writeLimit, f.readLimit = ratelimit.New(opts.PerAddress, opts.Now), ratelimit.New(readsPerWrite*opts.PerAddress, opts.Now)
	}
	if opts.Tickets != nil {
		if f.tickets, err = newTickets(*opts.Tickets, opts.Now); err != nil {
			return nil, fmt.Errorf("tickets: %w", err)
		}
	}
	for _, c := range opts.Clients {
		u, err := url.Parse(c.RedirectURL)
		if err != nil {
			return nil, err
		}
		f.paths[u.Path] = struct{}{}
	}
	return f, nil
}

// OwnPage reports whether a path is taken by the pages, which stand below prefix, the path of the public URL without a slash at the end.
// No redirect_url may have such a path.
func OwnPage(prefix, path string) bool {
	rest, ok := strings.CutPrefix(path+"/", prefix+"/")
	first, _, _ := strings.Cut(rest, "/")
	return ok && slices.Contains([]string{"", "connect", "connected", "ticket"}, first)
}

// Link is the connect link that belongs to the secret of an invitation.
func (f *Flow) Link(secret string) string {
	return strings.TrimSuffix(f.PublicURL, "/") + "/connect/" + secret
}

// Handler returns the whole public listener.
func (f *Flow) Handler() (http.Handler, error) {
	ownForm, err := f.ownForm()
	if err != nil {
		return nil, err
	}
	pages := map[string]methods{
		"/connect": {http.MethodGet: f.noLogin, http.MethodHead: f.noLogin},
		"/connect/{invitation}": {
			http.MethodGet: f.reads(f.connectPage), http.MethodHead: f.reads(f.connectPage), http.MethodPost: f.writes(ownForm(f.begin)),
		},
		"/connected/{result}":       {http.MethodGet: f.connected, http.MethodHead: f.connected},
		"/connected/{result}/again": {http.MethodPost: f.limited(f.writeLimit, ownForm(f.again), ownForm(f.againLater))},
	}
	if f.tickets != nil {
		pages["/connect"] = methods{http.MethodGet: f.writes(f.toLogin)}
		pages["/ticket"] = methods{http.MethodGet: f.writes(f.admit)}
		pages["/connect/request/{request}"] = methods{
			http.MethodGet: f.reads(f.requestPage), http.MethodHead: f.reads(f.requestPage), http.MethodPost: f.writes(ownForm(f.beginAdmitted)),
		}
	}
	mux := http.NewServeMux()
	for path, byMethod := range pages {
		mux.HandleFunc(f.prefix+path, f.dispatch(byMethod))
	}
	for path := range f.paths {
		mux.HandleFunc(path, f.dispatch(methods{http.MethodGet: f.limited(f.readLimit, f.callback, f.overLimitAtCallback)})) // not HEAD: a probe must not consume a state
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { f.nothingHere(w, r, http.StatusNotFound) })
	return withHeaders(f.recovered(f.bounded(mux))), nil
}

// ownForm lets the POST of a page come from that page only. Browsers tell by Sec-Fetch-Site; those that do not know it
// (Safari before 16.4) by Origin, which holds this origin because of the page's Referrer-Policy.
func (f *Flow) ownForm() (func(http.HandlerFunc) http.HandlerFunc, error) {
	sameOrigin := http.NewCrossOriginProtection()
	public, err := url.Parse(f.PublicURL)
	if err != nil {
		return nil, err
	}
	if err := sameOrigin.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
		return nil, err
	}
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.fail(w, r, "foreign_page", f.way(r))
	}))
	return func(next http.HandlerFunc) http.HandlerFunc { return sameOrigin.Handler(next).ServeHTTP }, nil
}

// methods are what one page does, by HTTP method. HEAD is there only where GET changes nothing.
type methods map[string]http.HandlerFunc

func (f *Flow) dispatch(byMethod methods) http.HandlerFunc {
	allowed := strings.Join(slices.Sorted(maps.Keys(byMethod)), ", ")
	return func(w http.ResponseWriter, r *http.Request) {
		handle, ok := byMethod[r.Method]
		if !ok {
			w.Header().Set("Allow", allowed)
			f.nothingHere(w, r, http.StatusMethodNotAllowed)
			return
		}
		handle(w, r)
	}
}

// bounded refuses an address that no page has, before anything reads it. What may be the answer of Datadog or of the login leaves the address bar
// like any other.
func (f *Flow) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch get := r.Method == http.MethodGet; {
		case len(r.URL.RawQuery) <= maxQuery:
			next.ServeHTTP(w, r)
		case get && f.isCallback(r):
			f.toFailure(w, r, "bad_callback", byEither)
		case get && f.isTicket(r):
			f.toFailure(w, r, "bad_ticket_unreadable", byLogin)
		default:
			f.nothingHere(w, r, http.StatusRequestURITooLong)
		}
	})
}

func (f *Flow) isCallback(r *http.Request) bool {
	_, ok := f.paths[r.URL.Path]
	return ok
}

func (f *Flow) isTicket(r *http.Request) bool {
	return f.tickets != nil && r.URL.Path == f.prefix+"/ticket"
}

func (f *Flow) count(ctx context.Context, outcome string) {
	if f.Outcome != nil {
		f.Outcome(ctx, outcome)
	}
}

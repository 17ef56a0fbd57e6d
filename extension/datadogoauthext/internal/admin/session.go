package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
)

const (
	// DefaultSessionLifetime is how long a login lasts at most.
	DefaultSessionLifetime = 12 * time.Hour
	// sessionIdle ends a session that nobody uses.
	sessionIdle = 30 * time.Minute
	// maxNotices bounds what one session has still to be told.
	maxNotices = 8

	// secretBytes are 256 bits of crypto/rand: nobody guesses them.
	secretBytes = 32
)

// session is one login of a person with a token. It is in memory only, so a restart ends it.
//
// The browser holds its secret in a cookie. This side keeps the hash alone: whoever reads memory or a dump cannot log in with it.
type session struct {
	token Token

	hash   [sha256.Size]byte // of the cookie's value
	secret [sha256.Size]byte // of the token's secret when it was presented
	form   string            // goes with each form
	began  time.Time

	mu   sync.Mutex // guards the rest
	used time.Time
	told []notice
}

// notice is a line for the next page that is shown.
type notice struct {
	Text string
	Bad  bool
}

// newSession returns the session and the value of its cookie.
func newSession(token Token, secret [sha256.Size]byte, now time.Time) (*session, string) {
	value := newSecret()
	return &session{token: token, hash: sha256.Sum256([]byte(value)), secret: secret, form: newSecret(), began: now, used: now}, value
}

func newSecret() string {
	raw := make([]byte, secretBytes)
	_, _ = rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

// csrf goes into the hidden field "csrf" of every form of the session's pages: a foreign page, which cannot read it, cannot send it.
func (s *session) csrf() string { return s.form }

// sent reports whether a form came from a page of this session.
func (s *session) sent(csrf string) bool {
	return subtle.ConstantTimeCompare([]byte(csrf), []byte(s.form)) == 1
}

// notify keeps a line for the next page, which follows an order by a redirect.
func (s *session) notify(text string, bad bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told[max(0, len(s.told)-maxNotices+1):], notice{text, bad})
}

// notices returns what was not shown yet, once.
func (s *session) notices() []notice {
	s.mu.Lock()
	defer s.mu.Unlock()
	told := s.told
	s.told = nil
	return told
}

func (s *session) touch(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used = now
}

func (s *session) lastUse() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// sessionOf returns the session whose cookie a request carries, or nil. The token's file is read each time, so that replacing or removing
// it ends its sessions.
func (a *Admin) sessionOf(r *http.Request) *session {
	cookie, err := r.Cookie(cookieName(r))
	if err != nil {
		return nil
	}
	now := time.Now()
	s := a.sessions.find(sha256.Sum256([]byte(cookie.Value)), now)
	if s == nil {
		return nil
	}
	secret, err := s.token.sum()
	if err != nil {
		a.lockedOut.report(a.logger, s.token.Name, err)
	}
	if err != nil || subtle.ConstantTimeCompare(secret[:], s.secret[:]) != 1 {
		a.sessions.end(s)
		a.grants.Note(r.Context(), audit.Record{What: "session ended", Reason: "the token " + s.token.Name + " was replaced, removed or cannot be read", Minor: true})
		return nil
	}
	if r.URL.Path != livePath { // which a page that nobody looks at asks for too
		s.touch(now)
	}
	return s
}

// livePath is what the script of a page asks for again and again.
const livePath = "/live"

// cookieName is that of the session's cookie. Over TLS its prefix makes the browser refuse it without Secure, with a Domain, or from a
// subdomain; in clear, which browsers speak with loopback only, Safari would drop it. Browsers do not tell the ports of a host apart, so the name does.
// https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-cookie-name-prefixes
func cookieName(r *http.Request) string {
	name := "datadogoauth-admin"
	if _, port, err := net.SplitHostPort(r.Host); err == nil {
		name += "-" + port
	}
	if overTLS(r) {
		return "__Host-" + name
	}
	return name
}

// setCookie sets the session's cookie for as long as the browser runs; an empty value removes it. Strict: no other page takes it along, not
// even with a link, so what it opens is what the operator went to.
func setCookie(w http.ResponseWriter, r *http.Request, value string) {
	c := &http.Cookie{Name: cookieName(r), Value: value, Path: "/", Secure: overTLS(r), HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

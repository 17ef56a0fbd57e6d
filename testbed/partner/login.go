// Package partner is the login service of a partner, as far as the connect flow needs one: it signs a customer in and sends the browser
// back with a ticket that says who that is. It can misbehave in the ways that a collector has to refuse.
//
// It knows no passwords: whoever arrives is the customer that the test named.
package partner

import (
	"crypto"
	"crypto/tls"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// The claims of every ticket.
const (
	Issuer   = "https://login.partner.example"
	Audience = "datadog-connect"
	KeyID    = "one"
)

// Customer is who is signed in.
type Customer struct {
	Tenant string
	// AllowChange lets the tenant move to another organisation without an operator.
	AllowChange bool
}

// Login is a running login service. Make it with Start.
type Login struct {
	// URL is where the browser is sent to.
	URL string

	algorithm string
	key       crypto.Signer
	server    *http.Server
	served    chan struct{}

	mu       sync.Mutex // guards what follows
	back     string
	customer Customer
	fault    Fault
	last     string // the ticket before
}

// Start serves on loopback with a certificate for localhost. algorithm is RS256 or ES256.
func Start(cert tls.Certificate, algorithm string) (*Login, error) {
	key, err := newKey(algorithm)
	if err != nil {
		return nil, err
	}
	l := &Login{algorithm: algorithm, key: key, served: make(chan struct{})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	l.URL = "https://localhost:" + port + "/login"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", l.page)
	mux.HandleFunc("POST /login", l.signedIn)
	l.server = &http.Server{
		Handler: mux, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0), // clients that hang up are no news
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}},
	}
	go func() {
		defer close(l.served)
		_ = l.server.ServeTLS(listener, "", "") // returns when Close closes the server
	}()
	return l, nil
}

// Close ends it.
func (l *Login) Close() error {
	err := l.server.Close()
	<-l.served
	return err
}

// Return says to which public URL of a collector browsers are sent back.
func (l *Login) Return(publicURL string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.back = publicURL
}

// SignIn says who arrives from here on.
func (l *Login) SignIn(c Customer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.customer = c
}

// LastTicket is the one that was signed last: a secret that no output may hold.
func (l *Login) LastTicket() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Misbehave chooses what is wrong with the tickets from here on.
func (l *Login) Misbehave(f Fault) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fault = f
}

var loginPage = template.Must(template.New("login").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Log in</title><link rel="icon" href="data:,"></head>
<body><main><h1>Log in to Demo Partner</h1>
<form method="post"><button>Log in as {{.}}</button></form>
</main></body></html>
`))

// page asks for a click, as a login asks for a password.
func (l *Login) page(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("request_id") == "" || q.Get("nonce") == "" {
		http.Error(w, "request_id and nonce are needed", http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	tenant := l.customer.Tenant
	l.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = loginPage.Execute(w, tenant)
}

// signedIn sends the browser back with a ticket.
func (l *Login) signedIn(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	ticket, back, err := l.ticket(q.Get("nonce"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer := url.Values{"request_id": {q.Get("request_id")}, "ticket": {ticket}}
	http.Redirect(w, r, back+"/ticket?"+answer.Encode(), http.StatusSeeOther)
}

// ticket makes one for a login under way.
func (l *Login) ticket(nonce string) (ticket, back string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.back == "" || l.customer.Tenant == "" {
		return "", "", fmt.Errorf("nobody is signed in, or nobody said where to return to")
	}
	if l.fault == Replayed {
		return l.last, l.back, nil
	}
	l.last, err = l.sign(nonce)
	return l.last, l.back, err
}

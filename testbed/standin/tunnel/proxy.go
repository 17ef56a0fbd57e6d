package tunnel

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Proxy is the http.Handler of a forward proxy. It answers CONNECT only, and only to port 443 of hosts that it knows;
// inside the tunnel it speaks TLS with HTTP/1.1 or HTTP/2, whichever the client asks for.
type Proxy struct {
	CA *CA
	// Knows says whether a host exists. Nil means that none does.
	Knows func(host string) bool
	// Handler serves the requests inside the tunnels; From tells it which host a tunnel was opened to.
	Handler http.Handler
	// Opening is told of a tunnel that is about to open. It may take its time; false closes the connection without an answer. Nil opens all.
	Opening func(ctx context.Context, host string) bool
	// Tunnels is told by how much the number of open tunnels changes, 1 or -1. It may be nil.
	Tunnels func(change int)
	// Refused is told of every request that was not let through, with the address it was for.
	Refused func(r *http.Request, address string, status int)

	once   sync.Once
	server *http.Server
	conns  *handover
	served chan struct{} // closed when server.Serve has returned
}

func (p *Proxy) init() {
	p.once.Do(func() {
		p.conns = &handover{conns: make(chan net.Conn), closed: make(chan struct{})}
		p.served = make(chan struct{})
		p.server = &http.Server{
			Handler: p.Handler,
			TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
				return p.CA.Leaf(hello.Conn.(*Conn).Host)
			}},
			ConnContext: func(ctx context.Context, c net.Conn) context.Context {
				return context.WithValue(ctx, connKey{}, c.(*tls.Conn).NetConn())
			},
			ReadHeaderTimeout: time.Minute,
			ErrorLog:          log.New(io.Discard, "", 0), // clients that hang up in a handshake are no news
		}
		go func() {
			defer close(p.served)
			p.server.ServeTLS(p.conns, "", "") // returns when Close closes the server
		}()
	})
}

// ServeHTTP opens a tunnel, or refuses: 405 for anything but CONNECT, 502 for a host or port that does not exist.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.init()
	if r.Method != http.MethodConnect {
		p.refuse(w, r, r.URL.Host, http.StatusMethodNotAllowed)
		return
	}
	host, port, err := net.SplitHostPort(r.Host)
	host = strings.ToLower(host)
	if err != nil || port != "443" || p.Knows == nil || !p.Knows(host) {
		p.refuse(w, r, r.Host, http.StatusBadGateway)
		return
	}
	if p.Opening != nil && !p.Opening(r.Context(), host) {
		panic(http.ErrAbortHandler)
	}
	raw, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "stand-in: speak HTTP/1.1 to the proxy itself", http.StatusNotImplemented)
		return
	}
	if _, err := io.WriteString(raw, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		raw.Close()
		return
	}
	tunnels := p.Tunnels
	if tunnels == nil {
		tunnels = func(int) {}
	}
	tunnels(1)
	p.conns.hand(&Conn{Conn: raw, Host: host, User: proxyUser(r), early: buffered.Reader, closed: sync.OnceFunc(func() { tunnels(-1) })})
}

// proxyUser is the user name of Proxy-Authorization: Basic, if there is one (RFC 9110 §11.7.2, RFC 7617). Nobody is kept out.
func proxyUser(r *http.Request) string {
	asBasic := http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}
	user, _, _ := asBasic.BasicAuth()
	return user
}

func (p *Proxy) refuse(w http.ResponseWriter, r *http.Request, address string, status int) {
	if p.Refused != nil {
		p.Refused(r, address, status)
	}
	http.Error(w, "stand-in: "+http.StatusText(status)+": no such Datadog host; only CONNECT to port 443 of a host of a known site is served", status)
}

// Close breaks every tunnel. The proxy serves no more afterwards.
func (p *Proxy) Close() error {
	p.init()
	err := p.server.Close()
	p.conns.Close()
	<-p.served
	return err
}

type connKey struct{}

// From finds the tunnel that a request came through.
func From(ctx context.Context) (*Conn, bool) {
	c, ok := ctx.Value(connKey{}).(*Conn)
	return c, ok
}

// Conn is one tunnel, below TLS.
type Conn struct {
	net.Conn
	// Host is where the client asked to be connected to, in lower case and without a port.
	Host string
	// User is whom the client said it is to the proxy, empty when it did not.
	User string

	early  *bufio.Reader // what the client sent along with its CONNECT
	closed func()        // tells that it is closed, once
}

// Read gives what came early first.
func (c *Conn) Read(b []byte) (int, error) {
	if c.early.Buffered() > 0 {
		return c.early.Read(b[:min(len(b), c.early.Buffered())])
	}
	return c.Conn.Read(b)
}

// Reset breaks the TCP connection with an RST.
func (c *Conn) Reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	c.Close()
}

// Close ends the tunnel.
func (c *Conn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

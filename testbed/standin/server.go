package standin

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/tunnel"
)

// Options change what a Server starts with. The zero Options is good.
type Options struct {
	// Now is the clock of time windows, key grace and token expiry; nil means time.Now.
	Now func() time.Time
	// Intake are options of the data side.
	Intake []intake.Option
	// Sink takes what the data side would. Nothing can be read back then. Nil is none.
	Sink http.Handler
	// HistoryMax is how many requests the history keeps; 0 means 200,000.
	HistoryMax int
}

// Server is a whole Datadog. The zero Server is ready: mount ProxyHandler and ControlHandler on httptest servers, or let
// Start and StartControl listen. Close ends everything.
type Server struct {
	options Options

	once    sync.Once
	ca      *tunnel.CA
	proxy   *tunnel.Proxy
	world   *oauth.World
	intake  *intake.Intake
	faults  faults.Set
	history *history.Log
	stop    chan struct{} // closed by Close, to end whatever a fault delays
	busy    sync.WaitGroup
	load    load

	mu       sync.Mutex // guards what follows
	closed   bool
	servers  []*http.Server
	urls     map[string]*url.URL
	scenario Scenario
}

// New makes a server with options.
func New(o Options) *Server { return &Server{options: o} }

func (s *Server) init() {
	s.once.Do(func() {
		now := s.options.Now
		if now == nil {
			now = time.Now
		}
		s.options.Now = now
		s.world = oauth.New(now)
		s.intake = intake.New(s.world, now, s.options.Intake...)
		s.history = &history.Log{Max: s.options.HistoryMax}
		s.stop = make(chan struct{})
		s.urls = map[string]*url.URL{}
		ca, err := tunnel.NewCA()
		if err != nil {
			panic(err) // the system cannot make an ECDSA key
		}
		s.ca = ca
		s.proxy = &tunnel.Proxy{CA: s.ca, Handler: http.HandlerFunc(s.serve), Opening: s.opening, Tunnels: s.load.tunnel, Refused: s.recordRefusal, Knows: func(host string) bool {
			_, ok := hosts.Lookup(host)
			return ok
		}}
	})
}

// OAuth is the world of clients, organisations, grants and keys.
func (s *Server) OAuth() *oauth.World { s.init(); return s.world }

// Intake is what was sent.
func (s *Server) Intake() *intake.Intake { s.init(); return s.intake }

// History is every request so far.
func (s *Server) History() *history.Log { s.init(); return s.history }

// Faults is what goes wrong.
func (s *Server) Faults() *faults.Set { s.init(); return &s.faults }

// CAPEM is the certificate that clients must trust, in PEM.
func (s *Server) CAPEM() []byte { s.init(); return s.ca.PEM() }

// ProxyHandler is the forward proxy, to be mounted on an HTTP/1.1 server without TLS.
func (s *Server) ProxyHandler() http.Handler { s.init(); return s.proxy }

// Start lets the proxy listen on a loopback address such as "127.0.0.1:0".
func (s *Server) Start(addr string) error { return s.listen("proxy", addr, s.ProxyHandler()) }

// StartControl lets the control API listen on a loopback address. Whoever reaches it can read every secret of the stand-in.
func (s *Server) StartControl(addr string) error {
	return s.listen("control", addr, s.ControlHandler())
}

// ProxyURL is the proxy's address after Start, nil before.
func (s *Server) ProxyURL() *url.URL { return s.url("proxy") }

// ControlURL is the control API's address after StartControl, nil before.
func (s *Server) ControlURL() *url.URL { return s.url("control") }

func (s *Server) url(name string) *url.URL {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.urls[name]
}

var errNotLoopback = errors.New("the stand-in listens on loopback only; use an address such as 127.0.0.1:0")

func (s *Server) listen(name, addr string, h http.Handler) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return errNotLoopback
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.urls[name] != nil {
		l.Close()
		return errors.New("the stand-in's " + name + " was started before; make another Server")
	}
	s.servers = append(s.servers, server)
	s.urls[name] = &url.URL{Scheme: "http", Host: l.Addr().String()}
	s.busy.Go(func() { server.Serve(l) }) // returns when Close closes the server
	return nil
}

// Close stops listening, breaks every connection, ends every wait and returns when all is quiet. It may be called twice.
func (s *Server) Close() error {
	s.init()
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stop)
	}
	servers := s.servers
	s.mu.Unlock()
	var errs []error
	for _, server := range servers {
		errs = append(errs, server.Close())
	}
	errs = append(errs, s.proxy.Close())
	s.busy.Wait()
	return errors.Join(errs...)
}

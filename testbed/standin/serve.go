package standin

import (
	"net"
	"net/http"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/tunnel"
)

// serve answers one request inside a tunnel: find the host, say whose credential it is, apply a fault, dispatch, record.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.busy.Add(1)
	s.mu.Unlock()
	defer s.busy.Done()
	s.load.request(1)
	defer s.load.request(-1) // once the history has it
	conn, ok := tunnel.From(r.Context())
	if !ok {
		http.Error(w, "stand-in: reach it through its proxy", http.StatusInternalServerError)
		return
	}
	target, _ := hosts.Lookup(conn.Host) // the proxy let only known hosts through
	entry := s.newEntry(r, target)
	entry.Via = conn.User
	ctx, notes := history.WithNotes(r.Context())
	body := &countingBody{ReadCloser: r.Body}
	r = r.WithContext(ctx)
	r.Body = body
	answer := &recorder{ResponseWriter: w}
	var broken bool
	defer func() {
		entry.RequestBytes, entry.ResponseBytes, entry.Notes = max(body.n.Load(), r.ContentLength), answer.n, notes.Map()
		entry.Status = answer.code()
		if broken {
			entry.Status, entry.ResponseBytes = 0, 0
		}
		s.history.Add(entry)
		if broken {
			panic(http.ErrAbortHandler) // without an answer: RST_STREAM, or a closed connection
		}
	}()
	if !sameHost(r.Host, conn.Host) {
		http.Error(answer, "stand-in: the tunnel was opened to another host", http.StatusMisdirectedRequest)
		return
	}
	f, faulty := s.faults.Take(faults.Request{
		Org: entry.Org, KeySHA256: entry.CredentialSHA256, Site: entry.Site, Host: entry.Host, Purpose: entry.Purpose, Method: entry.Method, Path: entry.Path})
	if !faulty {
		s.dispatch(answer, r, target, entry)
		return
	}
	entry.Fault = f.ID
	broken = s.apply(f, answer, r, conn, func(w http.ResponseWriter) { s.dispatch(w, r, target, entry) })
}

// dispatch hands a request to the part of Datadog that it is for.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request, target hosts.Target, e history.Entry) {
	if oauth.Owns(target, r.URL.Path) {
		s.world.ServeHTTP(w, r.WithContext(oauth.WithTarget(r.Context(), target)))
		return
	}
	if s.options.Sink != nil {
		s.options.Sink.ServeHTTP(w, r)
		return
	}
	r = r.WithContext(intake.WithTarget(r.Context(), intake.Target{Site: target.Site.Domain, Purpose: string(target.Purpose), Host: target.Host}))
	s.breakIntake(e.Org)
	s.intake.ServeHTTP(w, r)
}

// newEntry says what is known of a request before it is answered.
func (s *Server) newEntry(r *http.Request, t hosts.Target) history.Entry {
	e := history.Entry{
		Time: s.options.Now(), Proto: r.Proto, Site: t.Site.Domain, Host: t.Host, Purpose: string(t.Purpose),
		Method: r.Method, Path: r.URL.Path, Auth: "none",
	}
	var owner oauth.OrgRef
	if key := r.Header.Get("DD-API-KEY"); key != "" {
		e.Auth, e.CredentialSHA256 = "key", oauth.SHA256(key)
		e.KeyLast4 = key[max(0, len(key)-4):]
		owner, _ = s.world.KeyOwner(key)
	} else if token, ok := oauth.BearerToken(r); ok {
		e.Auth, e.CredentialSHA256 = "bearer", oauth.SHA256(token)
		owner, _ = s.world.BearerOwner(token)
	} else if _, _, ok := r.BasicAuth(); ok {
		e.Auth = "basic"
	}
	e.OrgSite, e.Org = owner.Site, owner.ID
	return e
}

// recordRefusal keeps a request that the proxy did not let through. Its host is as the client wrote it.
func (s *Server) recordRefusal(r *http.Request, address string, status int) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	s.history.Add(history.Entry{
		Time: s.options.Now(), Proto: r.Proto, Host: host, Method: r.Method, Auth: "none", Status: status, Notes: map[string]string{"refused": address},
	})
}

// sameHost compares a Host header with the name that the tunnel was opened to.
func sameHost(header, host string) bool {
	return strings.EqualFold(strings.TrimSuffix(header, ":443"), host)
}

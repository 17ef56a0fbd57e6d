package standin

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/tunnel"
)

// apply answers a request that a fault was chosen for. It reports whether the client gets no answer at all.
func (s *Server) apply(f faults.Fault, w http.ResponseWriter, r *http.Request, conn *tunnel.Conn, usual func(http.ResponseWriter)) (broken bool) {
	if f.LatencyMS > 0 && !s.wait(r.Context(), time.After(f.Latency())) {
		return true
	}
	switch {
	case f.Hang:
		io.Copy(io.Discard, r.Body) // only then does an HTTP/1.1 server notice that a client goes away
		s.wait(r.Context(), nil)
		return true
	case f.Reset:
		conn.Reset()
		return true
	case f.Abort:
		return true
	case f.Lose:
		usual(&lost{header: http.Header{}})
		return true
	case f.Withhold:
		usual(&lost{header: http.Header{}})
		io.Copy(io.Discard, r.Body) // whatever is left of it, as below
		s.wait(r.Context(), nil)
		return true
	case f.Status != 0:
		io.Copy(io.Discard, r.Body)
		for k, v := range f.Headers {
			w.Header().Set(k, v)
		}
		w.WriteHeader(f.Status)
		io.WriteString(w, f.Body)
		return false
	default:
		usual(w)
		return false
	}
}

// wait returns false when the client went away or the stand-in closes before due.
func (s *Server) wait(ctx context.Context, due <-chan time.Time) bool {
	select {
	case <-due:
		return true
	case <-ctx.Done():
		return false
	case <-s.stop:
		return false
	}
}

// opening applies a fault to a tunnel that a client asks for. It reports whether the tunnel is to open.
func (s *Server) opening(ctx context.Context, host string) bool {
	target, _ := hosts.Lookup(host)
	f, faulty := s.faults.Take(faults.Request{Method: http.MethodConnect, Site: target.Site.Domain, Host: target.Host, Purpose: string(target.Purpose)})
	if !faulty {
		return true
	}
	var due <-chan time.Time
	if !f.Hang {
		due = time.After(f.Latency())
	}
	return s.wait(ctx, due) && !f.Abort && !f.Reset
}

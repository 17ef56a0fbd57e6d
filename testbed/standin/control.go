package standin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// ControlHandler is the API through which tests set the world up, break it and look at it: JSON over plain HTTP, for
// loopback only, without authentication. GET /control/secrets hands out every secret that exists here; it is there for
// tests that search a program's output for them and for nothing else.
//
// An error is {"error":"what to do"} with 400, 404 for an unknown id, or 504 for a wait that ended in vain.
func (s *Server) ControlHandler() http.Handler {
	s.init()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /control/info", s.controlInfo)
	mux.HandleFunc("GET /control/ca", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-pem-file")
		w.Write(s.CAPEM())
	})
	s.controlWorld(mux)
	s.controlKeys(mux)
	s.controlFaults(mux)
	s.controlIntake(mux)
	mux.HandleFunc("GET /control/history", s.controlHistory)
	mux.HandleFunc("DELETE /control/history", func(w http.ResponseWriter, _ *http.Request) {
		s.history.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /control/secrets", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, list(s.world.Secrets()))
	})
	return mux
}

// controlInfo is where things are: {"proxy_url","control_url","scenario","sites":[{"name","domain","app_origin"}]}.
func (s *Server) controlInfo(w http.ResponseWriter, _ *http.Request) {
	type site struct {
		Name      string `json:"name"`
		Domain    string `json:"domain"`
		AppOrigin string `json:"app_origin"`
	}
	var sites []site
	for _, h := range hosts.Sites() {
		sites = append(sites, site{h.Name, h.Domain, h.AppOrigin()})
	}
	info := map[string]any{"sites": sites, "scenario": s.Scenario()}
	for name, u := range map[string]*url.URL{"proxy_url": s.ProxyURL(), "control_url": s.ControlURL()} {
		if u != nil {
			info[name] = u.String()
		}
	}
	answer(w, http.StatusOK, info)
}

// controlHistory lists requests: ?site, host, purpose, method, path, org, fault and status select, &await=n&timeout=10s
// waits until there are n of them.
func (s *Server) controlHistory(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := history.Filter{Site: q.Get("site"), Host: q.Get("host"), Purpose: q.Get("purpose"), Method: q.Get("method"), Path: q.Get("path"), Org: q.Get("org"), Fault: q.Get("fault"), Via: q.Get("via")}
	var err error
	if text := q.Get("status"); text != "" {
		if f.Status, err = strconv.Atoi(text); err != nil {
			fail(w, http.StatusBadRequest, fmt.Errorf("status: must be a number, got %q", text))
			return
		}
	}
	n, ctx, cancel, err := awaiting(r)
	if err != nil {
		fail(w, http.StatusBadRequest, err)
		return
	}
	defer cancel()
	entries, err := s.history.Await(ctx, n, f)
	if err != nil {
		fail(w, http.StatusGatewayTimeout, err)
		return
	}
	answer(w, http.StatusOK, list(entries))
}

// controlFaults: POST adds a fault, GET lists them, DELETE removes all or one; GET …/{id}/await?await=n waits until it
// was applied n times.
func (s *Server) controlFaults(mux *http.ServeMux) {
	mux.HandleFunc("GET /control/faults", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, list(s.faults.List()))
	})
	mux.HandleFunc("POST /control/faults", take(func(f faults.Fault) (any, error) { return s.faults.Add(f) }))
	mux.HandleFunc("DELETE /control/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.faults.Clear()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /control/faults/{id}", func(w http.ResponseWriter, r *http.Request) {
		f, ok := s.faults.Remove(r.PathValue("id"))
		if !ok {
			fail(w, http.StatusNotFound, fmt.Errorf("no fault %q; GET /control/faults lists them", r.PathValue("id")))
			return
		}
		answer(w, http.StatusOK, f)
	})
	mux.HandleFunc("GET /control/faults/{id}/await", func(w http.ResponseWriter, r *http.Request) {
		n, ctx, cancel, err := awaiting(r)
		if err != nil {
			fail(w, http.StatusBadRequest, err)
			return
		}
		defer cancel()
		if err := s.faults.Await(ctx, r.PathValue("id"), n); err != nil {
			fail(w, http.StatusGatewayTimeout, err)
			return
		}
		answer(w, http.StatusOK, list(s.faults.List()))
	})
}

// awaiting reads ?await=n&timeout=10s; without await it is 0, and nothing waits.
func awaiting(r *http.Request) (n int, ctx context.Context, cancel context.CancelFunc, err error) {
	n, timeout := 0, 10*time.Second
	if text := r.URL.Query().Get("await"); text != "" {
		if n, err = strconv.Atoi(text); err != nil {
			return 0, nil, nil, fmt.Errorf("await: must be a number, got %q", text)
		}
	}
	if text := r.URL.Query().Get("timeout"); text != "" {
		if timeout, err = time.ParseDuration(text); err != nil {
			return 0, nil, nil, fmt.Errorf("timeout: must be a duration such as 10s, got %q", text)
		}
	}
	ctx, cancel = context.WithTimeout(r.Context(), timeout)
	return n, ctx, cancel, nil
}

// take makes a handler that decodes a JSON object strictly, does something and answers 200 with the result.
func take[T any](do func(T) (any, error)) http.HandlerFunc {
	return takeCtx(func(_ context.Context, in T) (any, error) { return do(in) })
}

// takeCtx is take for what may wait: the caller's going away ends it.
func takeCtx[T any](do func(context.Context, T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		d := json.NewDecoder(io.LimitReader(r.Body, 1<<20))
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			fail(w, http.StatusBadRequest, fmt.Errorf("read the body as JSON: %w", err))
			return
		}
		out, err := do(r.Context(), in)
		if errors.Is(err, context.DeadlineExceeded) {
			fail(w, http.StatusGatewayTimeout, err)
			return
		}
		if err != nil {
			fail(w, http.StatusBadRequest, err)
			return
		}
		answer(w, http.StatusOK, out)
	}
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) // a caller that hung up is not our trouble
}

func fail(w http.ResponseWriter, status int, err error) {
	answer(w, status, map[string]string{"error": err.Error()})
}

// list keeps an empty list from becoming null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// orgIn names an organisation in the bodies of the control API.
type orgIn struct {
	Site string `json:"site"`
	Org  string `json:"org"`
}

func (o orgIn) ref() oauth.OrgRef { return oauth.OrgRef{Site: o.Site, ID: o.Org} }

// clientInOrg names a client in an organisation.
type clientInOrg struct {
	Client string `json:"client"`
	orgIn
}

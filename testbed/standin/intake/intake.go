package intake

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Authorizer knows the API keys and access tokens of every site. It is asked on every request and must be safe for
// concurrent use. site is a site parameter, for instance "datadoghq.eu".
type Authorizer interface {
	// Key says which org of the site an API key belongs to.
	Key(site, apiKey string) (orgID string, ok bool)
	// Bearer says which org of the site an access token was granted for, and with which scopes.
	Bearer(site, token string) (orgID string, scopes []string, ok bool)
}

// Caps bound what is remembered of one org. When a cap is passed the oldest items of that kind go; they stay in Counts and
// are listed under Dropped with DropEvicted. A zero means the default.
type Caps struct {
	Points   int // default 500,000
	Sketches int // default 100,000
	Logs     int // default 200,000
	Spans    int // default 200,000
	Others   int // checks, events and hosts, of each; default 10,000
	Requests int // stats payloads and OTLP requests, of each; default 1000
}

// Option changes an Intake made by New.
type Option func(*Intake)

// WithCaps replaces the bounds of what is remembered.
func WithCaps(c Caps) Option { return func(in *Intake) { in.caps = c } }

// WithSearchDelay makes items readable only d after they arrived. See SetSearchDelay.
func WithSearchDelay(d time.Duration) Option { return func(in *Intake) { in.SetSearchDelay(d) } }

// Intake is an http.Handler for every Datadog host, told apart by the Target of the request. Make one with New.
type Intake struct {
	auth  Authorizer
	now   func() time.Time
	caps  Caps
	muxes map[string]*http.ServeMux // by purpose; fixed after New

	searchDelay atomic.Int64 // nanoseconds
	lastEventID atomic.Int64

	mu   sync.Mutex // guards orgs; each org has a lock of its own
	orgs map[string]*org
}

var _ http.Handler = (*Intake)(nil)

// New returns an Intake without data. now is the clock of every window and default search range; nil means time.Now.
func New(auth Authorizer, now func() time.Time, opts ...Option) *Intake {
	if now == nil {
		now = time.Now
	}
	in := &Intake{auth: auth, now: now, orgs: map[string]*org{}}
	// Above 2^53, so that a client which reads the id as a JSON number gets a wrong one.
	in.lastEventID.Store(7_000_000_000_000_000_000)
	for _, opt := range opts {
		opt(in)
	}
	in.caps = in.caps.orDefaults()
	in.muxes = in.routes()
	return in
}

func (c Caps) orDefaults() Caps {
	for _, f := range []struct {
		cap *int
		def int
	}{{&c.Points, 500_000}, {&c.Sketches, 100_000}, {&c.Logs, 200_000}, {&c.Spans, 200_000}, {&c.Others, 10_000}, {&c.Requests, 1000}} {
		if *f.cap <= 0 {
			*f.cap = f.def
		}
	}
	return c
}

// ServeHTTP answers as the host of the request's Target would.
func (in *Intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t, ok := targetOf(r.Context())
	if !ok {
		answerErrors(w, http.StatusNotFound, "the request has no target host; pass it with intake.WithTarget")
		return
	}
	mux := in.muxes[t.Purpose]
	if mux == nil {
		notImitated(w, r)
		return
	}
	mux.ServeHTTP(w, r)
}

func (in *Intake) routes() map[string]*http.ServeMux {
	taken := map[string]map[string]door{
		"api": {
			"/api/v2/series":     seriesDoor,
			"/api/beta/sketches": sketchesDoor,
			"/api/v1/check_run":  checksDoor,
			"/api/v1/events":     eventsDoor,
			"/intake":            hostMetadataDoor,
		},
		"logs":   {"/api/v2/logs": logsDoor},
		"traces": {"/api/v0.2/traces": tracesDoor, "/api/v0.2/stats": statsDoor},
		"otlp":   {"/v1/traces": otlpTracesDoor, "/v1/metrics": otlpMetricsDoor, "/v1/logs": otlpLogsDoor},
		"spans":  {"/api/v2/spans": publicSpansDoor},
	}
	muxes := map[string]*http.ServeMux{}
	for purpose, doors := range taken {
		mux := http.NewServeMux()
		for path, d := range doors {
			mux.HandleFunc("POST "+path, in.take(d))
		}
		mux.HandleFunc("/", notImitated)
		muxes[purpose] = mux
	}
	api := muxes["api"]
	api.HandleFunc("POST /api/v2/query/timeseries", in.read("timeseries_query", in.queryTimeseries))
	api.HandleFunc("GET /api/v1/query", in.read("timeseries_query", in.queryV1))
	api.HandleFunc("GET /api/v1/metrics", in.read("metrics_read", in.listMetrics))
	api.HandleFunc("GET /api/v2/metrics/{name}/all-tags", in.read("metrics_read", in.metricTags))
	api.HandleFunc("POST /api/v2/logs/events/search", in.read("logs_read_data", in.searchLogs))
	api.HandleFunc("POST /api/v2/spans/events/search", in.read("apm_read", in.searchSpans))
	api.HandleFunc("POST /api/v2/incidents", in.read("incident_write", in.createIncident))
	api.HandleFunc("PATCH /api/v2/incidents/{id}", in.read("incident_write", in.incident))
	api.HandleFunc("DELETE /api/v2/incidents/{id}", in.read("incident_write", in.incident))
	api.HandleFunc("GET /api/v2/incidents/{id}", in.read("incident_read", in.incident))
	api.HandleFunc("GET /api/v2/incidents/search", in.read("incident_read", in.searchIncidents))
	api.HandleFunc("GET /api/v2/incidents/config/types", in.read("incident_settings_read", in.incidentTypes))
	api.HandleFunc("GET /api/v2/trace/{id}", in.read("apm_read", in.traceByID))
	api.HandleFunc("POST /api/v2/events/search", in.read("events_read", in.searchEvents))
	api.HandleFunc("GET /api/v1/monitor", in.read("monitors_read", in.listMonitors))
	api.HandleFunc("GET /api/v1/hosts", in.read("hosts_read", in.listHosts))
	api.HandleFunc("GET /api/v1/events/{id}", in.read("events_read", in.eventByID))
	return muxes
}

func notImitated(w http.ResponseWriter, r *http.Request) {
	t, _ := targetOf(r.Context())
	answerErrors(w, http.StatusNotFound,
		fmt.Sprintf("the stand-in does not imitate %s %s on hosts of purpose %q", r.Method, r.URL.Path, t.Purpose))
}

package intake

import (
	"net/http"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
)

// ControlHandler answers for tests in another process, in JSON:
//
//	GET /counts?org=…                                   {"counts":Counts,"accepted":Counts}
//	GET /dropped?org=…                                  [Drop, …]
//	GET /received?org=…&kind=series|sketches|logs|spans|stats|checks|events|incidents|host_metadata|public_spans|otlp_metrics|otlp_logs|otlp_traces   a list of that kind
//
// It asks for no credential: mount it where only tests reach it.
func (in *Intake) ControlHandler() http.Handler {
	mux := http.NewServeMux()
	withOrg := func(answer func(orgID string, r *http.Request) (any, bool)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			orgID := r.URL.Query().Get("org")
			if orgID == "" {
				answerErrors(w, http.StatusBadRequest, "name the org, as in ?org=1")
				return
			}
			body, ok := answer(orgID, r)
			if !ok {
				answerErrors(w, http.StatusBadRequest, "kind must be one of series, sketches, logs, spans, stats, checks, events, incidents, host_metadata, public_spans, otlp_metrics, otlp_logs, otlp_traces")
				return
			}
			answerJSON(w, http.StatusOK, body)
		}
	}
	mux.HandleFunc("GET /counts", withOrg(func(orgID string, _ *http.Request) (any, bool) {
		return map[string]Counts{"counts": in.Counts(orgID), "accepted": in.Accepted(orgID)}, true
	}))
	mux.HandleFunc("GET /dropped", withOrg(func(orgID string, _ *http.Request) (any, bool) {
		return in.Dropped(orgID), true
	}))
	mux.HandleFunc("GET /received", withOrg(func(orgID string, r *http.Request) (any, bool) {
		return receivedOfKind(in.Received(orgID), r.URL.Query().Get("kind"))
	}))
	return mux
}

func receivedOfKind(r Received, kind string) (list any, ok bool) {
	switch kind {
	case KindSeries:
		return orEmpty(r.Series), true
	case KindSketches:
		return orEmpty(r.Sketches), true
	case KindLogs:
		return orEmpty(r.Logs), true
	case KindSpans:
		return spanRecords(r.Spans), true
	case KindStats:
		return orEmpty(r.Stats), true
	case KindChecks:
		return orEmpty(r.Checks), true
	case KindEvents:
		return orEmpty(r.Events), true
	case KindPublicSpans:
		return orEmpty(r.PublicSpans), true
	case "otlp_metrics":
		return orEmpty(r.OTLPMetrics), true
	case "otlp_logs":
		return orEmpty(r.OTLPLogs), true
	case "otlp_traces":
		return orEmpty(r.OTLPTraces), true
	case KindIncidents:
		return orEmpty(r.Incidents), true
	case KindHostMetadata:
		return orEmpty(r.HostMetadata), true
	}
	return nil, false
}

// orEmpty keeps JSON from writing null for a list without items.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// spanRecord is a span with what belongs to its payload, but without the other spans of it.
type spanRecord struct {
	Span          *pb.Span
	Priority      int32
	Origin        string
	ChunkTags     map[string]string
	Env           string
	Hostname      string
	AppVersion    string
	ContainerID   string
	LanguageName  string
	TracerVersion string
	TracerTags    map[string]string
	AgentVersion  string
}

func spanRecords(spans []Span) []spanRecord {
	records := make([]spanRecord, len(spans))
	for i, s := range spans {
		records[i] = spanRecord{
			s.Span, s.Chunk.Priority, s.Chunk.Origin, s.Chunk.Tags, s.Tracer.Env, s.Tracer.Hostname, s.Tracer.AppVersion,
			s.Tracer.ContainerID, s.Tracer.LanguageName, s.Tracer.TracerVersion, s.Tracer.Tags, s.Agent.AgentVersion,
		}
	}
	return records
}

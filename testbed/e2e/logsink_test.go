package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/proto"
)

// logSink takes log records by OTLP over HTTP, and keeps them and the bytes that they came in.
type logSink struct {
	*httptest.Server
	mu      sync.Mutex // guards the rest
	records []*logs.LogRecord
	bodies  bytes.Buffer
	faults  []error
}

func newLogSink(t *testing.T) *logSink {
	s := &logSink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.take(r); err != nil {
			s.mu.Lock()
			s.faults = append(s.faults, err)
			s.mu.Unlock()
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-protobuf") // an empty ExportLogsServiceResponse
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *logSink) take(r *http.Request) error {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/logs" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		return fmt.Errorf("%s %s of %s is no export of logs", r.Method, r.URL.Path, r.Header.Get("Content-Type"))
	}
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(r.Body); err != nil {
			return err
		}
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	var request collogs.ExportLogsServiceRequest
	if err := proto.Unmarshal(raw, &request); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bodies.Write(raw)
	for _, resource := range request.GetResourceLogs() {
		for _, scope := range resource.GetScopeLogs() {
			s.records = append(s.records, scope.GetLogRecords()...)
		}
	}
	return nil
}

// audited are the records of the audit that arrived, by their id: the attributes of each copy.
func (s *logSink) audited() map[string][]map[string]*common.AnyValue {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string][]map[string]*common.AnyValue{}
	for _, r := range s.records {
		attributes := map[string]*common.AnyValue{}
		for _, kv := range r.GetAttributes() {
			attributes[kv.GetKey()] = kv.GetValue()
		}
		id, what := attributes["id"].GetStringValue(), attributes["what"].GetStringValue()
		if id != "" && r.GetBody().GetStringValue() == "audit "+id+": "+what {
			all[id] = append(all[id], attributes)
		}
	}
	return all
}

func (s *logSink) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.bodies.Bytes())
}

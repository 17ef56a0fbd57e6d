package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	common "go.opentelemetry.io/proto/otlp/common/v1"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// auditRecord is one of GET /v1/audit.
type auditRecord struct {
	ID, What, Tenant, Reason string
	Actor                    struct{ Kind, Name, Via string }
	Changes                  []struct{ Field, Before, After string }
}

// audit reads all records of a collector, and the answers as they were.
func audit(t *testing.T, w *world.World, query string) (records []auditRecord, raw string) {
	t.Helper()
	for before := ""; ; {
		status, body, err := w.Admin(t.Context(), http.MethodGet, "/v1/audit?limit=20"+query+before, nil)
		if err != nil || status != http.StatusOK {
			t.Fatalf("audit: %d %s %v", status, body, err)
		}
		var page struct {
			Records []auditRecord
			Next    string
		}
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		records, raw = append(records, page.Records...), raw+string(body)
		if page.Next == "" {
			return records, raw
		}
		before = "&before=" + page.Next
	}
}

// TestTheAuditArrivesByOTLP connects customers, gives orders, has one refused, lets tokens and the client secret be replaced, and disconnects: every
// record of what came of it arrives once in the collector's own log as OTLP, through the sampling that is the default, and neither there nor
// in the API is a secret.
func TestTheAuditArrivesByOTLP(t *testing.T) {
	t.Parallel()
	sink := newLogSink(t)
	dir := t.TempDir()
	w := start(t, func(o *world.Options) {
		o.Dir, o.Setup = dir, &world.Setup{BearerLogs: true}
		o.Args = []string{"--config", "testdata/audit.yaml"}
		o.Env = []string{"AUDIT_SINK_URL=" + sink.URL + "/v1/logs"}
	})
	acceptBearerLogs(t, w)
	if err := w.Standin.OAuth().UpdateSettings(func(s *oauth.Settings) error { s.AccessTokenLife = time.Second; return nil }); err != nil {
		t.Fatal(err)
	}
	connectAll(t, w)
	order := func(want int, path string, body any) {
		t.Helper()
		status, answer, err := w.Admin(t.Context(), http.MethodPost, path, body)
		if err != nil || status != want {
			t.Fatalf("%s: %d %s %v", path, status, answer, err)
		}
	}
	for range 15 { // more of one kind within ten seconds than the sampler lets through of one message
		order(http.StatusOK, "/v1/tenants/acme/pause", map[string]string{"reason": "a \u202etest\n<script>"})
		order(http.StatusOK, "/v1/tenants/acme/resume", nil)
	}
	order(http.StatusConflict, "/v1/tenants/acme/change/reject", nil)
	secret, err := w.RotateClientSecret("")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteClientSecret(secret); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "a token is refreshed with the secret that took its place", func() bool {
		return w.SendLog(t.Context(), "acme", "needs a token") == nil
	})
	order(http.StatusOK, "/v1/tenants/initech/disconnect", map[string]string{"reason": "contract ended"})
	within(t, 60*time.Second, "the replaced secret and the revocation are in the audit", func() bool {
		_, raw := audit(t, w, "")
		return strings.Contains(raw, `"what":"settings changed"`) && strings.Contains(raw, `"what":"revocation ended"`)
	})

	names, scanner := secretsOf(t, w, dir)
	if err := w.Collector.Stop(); err != nil { // its log goes out to the last line
		t.Fatal(err)
	}
	stopped := sink.audited()
	if err := w.StartCollector(t.Context()); err != nil {
		t.Fatal(err)
	}
	records, raw := audit(t, w, "")
	seen := map[string]int{}
	for _, r := range records {
		seen[r.What]++
		copies := stopped[r.ID]
		if len(copies) == 0 {
			copies = sink.audited()[r.ID] // of the second start
		}
		if len(copies) != 1 {
			t.Errorf("%s %s arrived %d times", r.ID, r.What, len(copies))
			continue
		}
		for name, want := range map[string]string{"tenant": r.Tenant, "reason": r.Reason, "actor.kind": r.Actor.Kind, "actor.name": r.Actor.Name} {
			if got := copies[0][name].GetStringValue(); got != want {
				t.Errorf("%s: %s is %q in the log and %q in the API", r.What, name, got, want)
			}
		}
		if changes, ok := copies[0]["changes"].GetValue().(*common.AnyValue_ArrayValue); len(r.Changes) > 0 && (!ok || len(changes.ArrayValue.GetValues()) != len(r.Changes)) {
			t.Errorf("%s: the log has not its %d changes: %v", r.What, len(r.Changes), copies[0]["changes"])
		}
	}
	for what, least := range map[string]int{
		"grant connected": 3, "token ok": 3, "key stored": 3, "key fresh": 3, "invitation made": 3, "invitation ended": 3, "grant paused": 15, "grant resumed": 15,
		"order refused: reject change": 1, "token refreshed": 1, "settings recorded": 1, "settings changed": 1, "grant disconnected": 1, "revocation asked": 1, "revocation ended": 1,
	} {
		if seen[what] < least {
			t.Errorf("%d records of %q, want %d: %v", seen[what], what, least, seen)
		}
	}
	if len(names) < 10 {
		t.Errorf("only %d secrets took part", len(names))
	}
	for name, output := range map[string][]byte{"the API": []byte(raw), "the log by OTLP": sink.bytes(), "the log": []byte(w.Log.String())} {
		for _, f := range scanner.Scan(output) {
			t.Errorf("%s holds a secret: %s, %s, after %q", name, names[f.Secret], f, output[max(0, f.Offset-200):f.Offset])
		}
	}
	for line := range strings.Lines(w.Log.String()) {
		if strings.Contains(line, "\taudit ") && strings.ContainsAny(line[:len(line)-1], "\n\r\u202e") {
			t.Errorf("a record is more than a line: %q", line)
		}
	}
	if len(sink.faults) > 0 {
		t.Error(sink.faults)
	}
	mine, _ := audit(t, w, "&tenant=globex")
	for _, r := range mine {
		if r.Tenant != "globex" && r.Tenant != "" {
			t.Errorf("%s of %s among those of globex", r.What, r.Tenant)
		}
	}
	if len(mine) < 6 {
		t.Errorf("only %d records of globex", len(mine))
	}
}

package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

// TestOneTenantIsAnsweredWithWhatWasSent, and a list where it is asked for.
func TestOneTenantIsAnsweredWithWhatWasSent(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.FixedZone("", 3600)) }
	g := &grants{tenants: []admin.TenantStatus{acme()}, sends: map[string][]admin.SendFigure{
		"acme": {
			{Signal: "logs", Intake: "logs", LastSent: at(4)},
			{Signal: "metrics", Intake: "series", LastError: "503: down", LastErrorAt: at(5), Parked: 7, ParkedSince: at(3)},
		},
		"globex": {{Signal: "logs", Intake: "logs", LastSent: at(9)}},
	}, history: admin.SendHistory{Step: 30 * time.Minute, End: at(30), Sent: []uint32{0, 3}, Refused: []uint32{1, 0}}}
	s := start(t, g)
	_, body := s.do("GET", "/v1/tenants/acme", "", bearer("the-read"))
	want := `"sends":[{"signal":"logs","intake":"logs","last_sent_at":"2026-01-02T02:04:00Z","parked":0},` +
		`{"signal":"metrics","intake":"series","last_error":"503: down","last_error_at":"2026-01-02T02:05:00Z","parked":7,"parked_since":"2026-01-02T02:03:00Z"}],` +
		`"history":{"step_seconds":1800,"end":"2026-01-02T02:30:00Z","sent":[0,3],"refused":[1,0]}`
	if !strings.Contains(body, want) {
		t.Errorf("got %s, want %s in it", body, want)
	}
	sends, _, _ := strings.Cut(want, `,"history"`)
	for _, path := range []string{"/v1/tenants?sends=true", "/v1/tenants?limit=1&sends=true"} {
		if _, body := s.do("GET", path, "", bearer("the-read")); !strings.Contains(body, sends) || strings.Contains(body, "history") || strings.Contains(body, "09:00") {
			t.Errorf("%s: got %s, want %s in it", path, body, sends)
		}
	}
	if resp, body := s.do("GET", "/v1/tenants?sends=some", "", bearer("the-read")); resp.StatusCode != 422 || !strings.Contains(body, "sends: ") {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	for _, path := range []string{"/v1/tenants", "/v1/tenants?sends=false", "/v1/changes"} {
		if _, body := s.do("GET", path, "", bearer("the-read")); strings.Contains(body, "last_sent_at") || strings.Contains(body, "history") {
			t.Errorf("%s has figures: %s", path, body)
		}
	}
	g.sends, g.history = nil, admin.SendHistory{}
	if _, body := s.do("GET", "/v1/tenants/acme", "", bearer("the-read")); strings.Contains(body, "sends") || strings.Contains(body, "history") {
		t.Errorf("got %s, without anything that was sent", body)
	}
}

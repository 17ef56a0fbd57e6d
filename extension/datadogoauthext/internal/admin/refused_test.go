package admin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

func TestAnIntakeThatRefusesATenantIsShown(t *testing.T) {
	t.Parallel()
	status := acme()
	status.Token, status.TokenReason = "ok", ""
	status.Refused = []admin.RefusedIntake{{Intake: "otlp_traces", Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))}}
	s := start(t, &grants{tenants: []admin.TenantStatus{status}})
	_, page := s.do("GET", "/", "", s.loggedIn("the-read"))
	for _, want := range []string{`class="chip bad">Refused by otlp_traces<`, "since 2026-01-02 02:04:05 UTC with 403 although the key is valid"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	_, body := s.do("GET", "/v1/tenants/acme", "", bearer("the-read"))
	if want := `"refused_intakes":[{"intake":"otlp_traces","since":"2026-01-02T02:04:05Z"}]`; !strings.Contains(body, want) {
		t.Errorf("got %s, want %s in it", body, want)
	}
}

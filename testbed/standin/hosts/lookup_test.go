package hosts_test

import (
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
)

func TestLookupKnowsEveryHostAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		host, site, vanity string
		purpose            hosts.Purpose
	}{
		{"api.us3.datadoghq.com", "us3.datadoghq.com", "", hosts.API},
		{"API.DatadogHQ.eu", "datadoghq.eu", "", hosts.API},
		{"app.datadoghq.com", "datadoghq.com", "", hosts.App},
		{"us5.datadoghq.com", "us5.datadoghq.com", "", hosts.App},
		{"app.us5.datadoghq.com", "us5.datadoghq.com", "", hosts.App},
		{"bigcorp.datadoghq.eu", "datadoghq.eu", "bigcorp", hosts.App},
		{"myorg.us5.datadoghq.com", "us5.datadoghq.com", "myorg", hosts.App},
		{"http-intake.logs.uk1.datadoghq.com", "uk1.datadoghq.com", "", hosts.Logs},
		{"agent-http-intake.logs.ap2.datadoghq.com", "ap2.datadoghq.com", "", hosts.Logs},
		{"trace.agent.us2.ddog-gov.com", "us2.ddog-gov.com", "", hosts.Traces},
		{"otlp.ddog-gov.com", "ddog-gov.com", "", hosts.OTLP},
		{"vercel.integrations.otlp.datadoghq.com", "datadoghq.com", "", hosts.OTLP},
		{"event-management-intake.ap1.datadoghq.com", "ap1.datadoghq.com", "", hosts.Events},
		{"public-trace-http-intake.logs.datadoghq.eu", "datadoghq.eu", "", hosts.Spans},
		{"browser-intake-us2-ddog-gov.com", "us2.ddog-gov.com", "", hosts.Spans},
	} {
		got, ok := hosts.Lookup(tc.host)
		if !ok || got.Site.Domain != tc.site || got.Purpose != tc.purpose || got.Vanity != tc.vanity {
			t.Errorf("Lookup(%q) = %+v, %v; want site %q, purpose %q, vanity %q", tc.host, got, ok, tc.site, tc.purpose, tc.vanity)
		}
	}
	for _, host := range []string{
		"", "datadoghq.com", "datadoghq.eu", "api.bigcorp.datadoghq.eu", "api.datadoghq.com.evil.example", "evil-datadoghq.com",
		"docs.datadoghq.com", "http-intake.datadoghq.com", "agent-http-intake.logs.us2.ddog-gov.com", "us4.evil.datadoghq.com",
		"public-trace-http-intake.logs.us3.datadoghq.com", "app.datad0g.com", "a.b.integrations.otlp.datadoghq.com", "127.0.0.1",
	} {
		if got, ok := hosts.Lookup(host); ok {
			t.Errorf("Lookup(%q) = %+v; want no such host", host, got)
		}
	}
}

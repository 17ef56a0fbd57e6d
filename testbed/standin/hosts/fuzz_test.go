package hosts_test

import (
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
)

func FuzzLookupNeverLeavesTheSite(f *testing.F) {
	for _, host := range []string{"api.datadoghq.com", "bigcorp.datadoghq.eu", "api.datadoghq.com.evil.example", "otlp.us2.ddog-gov.com", "x.integrations.otlp.datadoghq.eu"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		got, ok := hosts.Lookup(host)
		if !ok {
			return
		}
		if strings.ContainsAny(host, "/:@%\\# ") {
			t.Fatalf("%q is taken for %+v", host, got)
		}
		if got.Purpose != hosts.Spans && !strings.HasSuffix(strings.ToLower(host), got.Site.Domain) {
			t.Fatalf("%q is taken for a host of %s", host, got.Site.Domain)
		}
	})
}

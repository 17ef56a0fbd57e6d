package site_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

func TestParseDomainAcceptsExactRowsOnly(t *testing.T) {
	t.Parallel()
	for _, s := range site.Table() {
		for _, raw := range []string{s.Domain(), strings.ToUpper(s.Domain()), " " + s.Domain() + "\n"} {
			got, err := site.ParseDomain(raw)
			require.NoError(t, err, raw)
			assert.Equal(t, s, got)
		}
	}
	assert.Len(t, site.Table(), 9)
}

// refused are values that must cause no connection, as domain and as site.
// OWASP's SSRF cheat sheet and Datadog's own host names that are no sites.
var refused = []string{
	"", " ", "datadoghq.com.evil.example", "evil-datadoghq.com", "datadoghq.com@evil.example", "user:pass@datadoghq.com", "datadoghq.com#.evil.example",
	"datadoghq.com%2eevil.example", "datadoghq.com%00", "//evil.example", "datadoghq.com:8443", "datadoghq.com.", "datadoghq.com/", "datadoghq.com/../evil",
	"datadoghq.com?x", `datadoghq.com\evil`, "datadoghq.com\x00", "datadoghq.com\r\nHost: evil", "datadogһq.com", "ｄatadoghq.com", "xn--datadogq-0wf.com",
	"xn--p1ai.datadoghq.com", "127.0.0.1", "2130706433", "0177.0.0.1", "0x7f000001", "[::1]", "::1", "[::ffff:127.0.0.1]", "169.254.169.254", "localhost",
	"printer.local", "db.internal", "metadata.google.internal", "datad0g.com", "us3.datad0g.com", "com", "datadoghq", "datadoghq.org",
	"api.datadoghq.com", "http-intake.logs.datadoghq.com", "agent-http-intake.logs.datadoghq.eu", "trace.agent.datadoghq.com", "otlp.datadoghq.com", "docs.datadoghq.com",
	"static.datadoghq.com", "mcp.datadoghq.com", "x.oncall.datadoghq.com", "oncall.datadoghq.com", "browser-intake-datadoghq.com", "browser-intake.datadoghq.com",
	"trace.browser-intake-datadoghq.com", "synthetics.datadoghq.com", "ip-ranges.datadoghq.com", "event-management-intake.datadoghq.com", "install.datadoghq.com",
	"a.b.datadoghq.com", "-a.datadoghq.com", "a-.datadoghq.com", "foo-intake.datadoghq.com", ".datadoghq.com", "public-trace-http-intake.logs.datadoghq.eu",
	"us2.us3.datadoghq.com", "api.us3.datadoghq.com", strings.Repeat("a", 64) + ".datadoghq.com", strings.Repeat("a.", 200) + "datadoghq.com",
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range refused {
		_, err := site.ParseDomain(raw)
		assert.ErrorIs(t, err, site.ErrUnknown, "domain %q", raw)
		if raw == "datadoghq.com/" {
			continue
		}
		for _, text := range []string{raw, "https://" + raw} {
			_, err := site.ParseAppOrigin(text)
			assert.ErrorIs(t, err, site.ErrUnknown, "site %q", text)
		}
	}
	for _, raw := range []string{
		"https://datadoghq.com", "us4.datadoghq.com", "bigcorp.datadoghq.eu", "app.datadoghq.com", "us3.datadoghq.com:443",
	} {
		_, err := site.ParseDomain(raw)
		assert.ErrorIs(t, err, site.ErrUnknown, "domain %q", raw)
	}
	for _, raw := range []string{
		"http://us5.datadoghq.com", "https://us5.datadoghq.com:8443", "https://us5.datadoghq.com/path", "https://us5.datadoghq.com?x=1", "https://us5.datadoghq.com#x",
		"https://a:b@us5.datadoghq.com", "javascript://us5.datadoghq.com", "https:us5.datadoghq.com", "ftp://us5.datadoghq.com", "https://us5.datadoghq.com:",
	} {
		_, err := site.ParseAppOrigin(raw)
		assert.ErrorIs(t, err, site.ErrUnknown, "site %q", raw)
	}
}

// reserved are labels that Datadog uses below its sites, as Datadog's host names and the sites' own labels have them. None of them is a
// custom subdomain of an organisation.
var reserved = strings.Fields(`api app otlp mcp opamp config trace agent process orchestrator synthetics intake docs static www status p go help
	support install oncall http-intake event-management-intake browser-intake ip-ranges
	us1 us2 us3 us5 eu1 ap1 ap2 uk1 any-intake a.b`)

func TestReservedLabelsBelowEverySite(t *testing.T) {
	t.Parallel()
	rows := map[string]bool{}
	for _, s := range site.Table() {
		rows[s.Domain()] = true
	}
	refused := 0
	for _, label := range reserved {
		for row := range rows {
			host := label + "." + row
			_, err := site.ParseDomain(host)
			if rows[host] {
				require.NoError(t, err, host)
			} else {
				assert.ErrorIs(t, err, site.ErrUnknown, "domain %q", host)
			}
			_, err = site.ParseDomain("https://" + host)
			assert.ErrorIs(t, err, site.ErrUnknown, "domain %q with a scheme", host)
			for _, raw := range []string{host, "https://" + host, "https://" + strings.ToUpper(host) + "/"} {
				origin, err := site.ParseAppOrigin(raw)
				if rows[host] || label == "app" { // the web application of a site
					require.NoError(t, err, raw)
					assert.False(t, origin.Site.IsZero(), raw)
					continue
				}
				refused++
				assert.ErrorIs(t, err, site.ErrUnknown, "site %q", raw)
				assert.Empty(t, origin, raw)
			}
		}
	}
	assert.Equal(t, 3*(36*9-9-6), refused)
}

func TestCustomSubdomainAsDomainGetsAHint(t *testing.T) {
	t.Parallel()
	_, err := site.ParseDomain("bigcorp.datadoghq.eu")
	require.ErrorContains(t, err, "use datadoghq.eu")
	_, err = site.ParseDomain("bigcorp.us3.datadoghq.com")
	require.ErrorContains(t, err, "use us3.datadoghq.com")
}

func TestParseAppOrigin(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ origin, domain string }{
		"https://us5.datadoghq.com":       {"https://us5.datadoghq.com", "us5.datadoghq.com"},
		"us5.datadoghq.com":               {"https://us5.datadoghq.com", "us5.datadoghq.com"},
		"https://app.us5.datadoghq.com":   {"https://us5.datadoghq.com", "us5.datadoghq.com"},
		"https://app.us5.datadoghq.com/":  {"https://us5.datadoghq.com", "us5.datadoghq.com"},
		"https://us5.datadoghq.com:443":   {"https://us5.datadoghq.com", "us5.datadoghq.com"},
		"https://app.datadoghq.com":       {"https://app.datadoghq.com", "datadoghq.com"},
		"datadoghq.eu":                    {"https://app.datadoghq.eu", "datadoghq.eu"},
		"https://APP.DataDogHQ.eu":        {"https://app.datadoghq.eu", "datadoghq.eu"},
		"us2.ddog-gov.com":                {"https://us2.ddog-gov.com", "us2.ddog-gov.com"},
		"https://bigcorp.datadoghq.eu":    {"https://bigcorp.datadoghq.eu", ""},
		"mycompany.datadoghq.com":         {"https://mycompany.datadoghq.com", ""},
		"myorg.us5.datadoghq.com":         {"https://myorg.us5.datadoghq.com", ""},
		"https://agency.ddog-gov.com":     {"https://agency.ddog-gov.com", ""},
		"  https://bigcorp.datadoghq.eu ": {"https://bigcorp.datadoghq.eu", ""},
	}
	for raw, want := range cases {
		got, err := site.ParseAppOrigin(raw)
		require.NoError(t, err, raw)
		assert.Equal(t, want.origin, got.Origin, raw)
		if want.domain == "" {
			assert.True(t, got.Site.IsZero(), raw)
		} else {
			assert.Equal(t, want.domain, got.Site.Domain(), raw)
		}
		gov := strings.HasSuffix(want.origin, "ddog-gov.com")
		assert.Equal(t, gov, got.Partition == site.Government, raw)
	}
}

func TestHostsOfASiteAreOwnedByNoOther(t *testing.T) {
	t.Parallel()
	for _, s := range site.Table() {
		for _, name := range s.Hostnames() {
			for _, other := range site.Table() {
				assert.Equal(t, s == other, other.Owns(name), "%s and %s", other, name)
			}
			assert.True(t, s.Owns(strings.ToUpper(name)))
		}
		assert.Equal(t, "api."+s.Domain(), s.Hostname(site.HostAPI))
		assert.False(t, s.Owns("evil.example"))
		assert.False(t, s.Owns(s.AppHost()))
	}
	assert.False(t, site.Site{}.Owns("api.datadoghq.com"))
}

func TestEndpoints(t *testing.T) {
	t.Parallel()
	e, err := site.NewEndpoints(map[string]map[string]string{"datadoghq.eu": {"logs": "https://private.example:8443/"}})
	require.NoError(t, err)
	eu, _ := site.ByDomain("datadoghq.eu")
	assert.Equal(t, "https://private.example:8443", e.URL(eu, site.HostLogs))
	assert.Equal(t, "https://api.datadoghq.eu", e.URL(eu, site.HostAPI))
	assert.Equal(t, "https://http-intake.logs.datadoghq.com", e.URL(site.US1(), site.HostLogs))

	_, err = site.NewEndpoints(map[string]map[string]string{
		"nowhere": {"logs": "https://x"}, "datadoghq.com": {"nothing": "https://x", "logs": "http://x", "api": "https://u:p@x", "otlp": "https://x/path"},
	})
	require.Error(t, err)
	joined, ok := err.(interface{ Unwrap() []error })
	require.True(t, ok)
	assert.Len(t, joined.Unwrap(), 5, "every fault at once: %v", err)
}

func TestOTLPAndSpanHosts(t *testing.T) {
	t.Parallel()
	platform, err := site.Endpoints{}.WithPlatform("vercel")
	require.NoError(t, err)
	for domain, want := range map[string]struct {
		spans string
		otlp  bool
	}{
		"datadoghq.com":     {"trace.browser-intake-datadoghq.com", true},
		"us3.datadoghq.com": {"trace.browser-intake-us3-datadoghq.com", true},
		"us5.datadoghq.com": {"trace.browser-intake-us5-datadoghq.com", true},
		"datadoghq.eu":      {"public-trace-http-intake.logs.datadoghq.eu", true},
		"ap1.datadoghq.com": {"browser-intake-ap1-datadoghq.com", true},
		"ap2.datadoghq.com": {"browser-intake-ap2-datadoghq.com", true},
		"uk1.datadoghq.com": {"browser-intake-uk1-datadoghq.com", true},
		"ddog-gov.com":      {"trace.browser-intake-ddog-gov.com", true},
		"us2.ddog-gov.com":  {"browser-intake-us2-ddog-gov.com", false},
	} {
		s, ok := site.ByDomain(domain)
		require.True(t, ok, domain)
		assert.Equal(t, "https://"+want.spans, platform.URL(s, site.HostSpans))
		assert.True(t, site.Endpoints{}.Serves(s, site.HostSpans), domain)
		assert.Equal(t, "https://otlp."+domain, site.Endpoints{}.URL(s, site.HostOTLP))
		assert.Equal(t, "https://vercel.integrations.otlp."+domain, platform.URL(s, site.HostOTLP))
		assert.Equal(t, want.otlp, platform.Serves(s, site.HostOTLP), domain)
	}
	assert.Len(t, site.Table(), 9)
}

func TestAnOverrideMakesAnOTLPIntakeKnown(t *testing.T) {
	t.Parallel()
	e, err := site.NewEndpoints(map[string]map[string]string{"us2.ddog-gov.com": {"otlp": "https://otlp.private.example"}})
	require.NoError(t, err)
	e, err = e.WithPlatform("heroku")
	require.NoError(t, err)
	gov, _ := site.ByDomain("us2.ddog-gov.com")
	assert.True(t, e.Serves(gov, site.HostOTLP))
	assert.Equal(t, "https://otlp.private.example", e.URL(gov, site.HostOTLP))
	for _, name := range []string{"Vercel", "a.b", "a/b", "-a", "a@b", "a b", "a:1", strings.Repeat("a", 64)} {
		_, err := e.WithPlatform(name)
		assert.Error(t, err, name)
	}
}

func FuzzParse(f *testing.F) {
	for _, raw := range refused {
		f.Add(raw)
	}
	for _, s := range site.Table() {
		f.Add(s.Domain())
		f.Add(s.AppOrigin())
		f.Add("https://corp." + s.Domain())
	}
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := site.ParseDomain(raw)
		if err != nil {
			if !errors.Is(err, site.ErrUnknown) || !s.IsZero() {
				t.Fatalf("%q: %v, %v", raw, s, err)
			}
		} else if known, ok := site.ByDomain(strings.ToLower(strings.TrimSpace(raw))); !ok || known != s {
			t.Fatalf("%q passed as %v", raw, s)
		}
		o, err := site.ParseAppOrigin(raw)
		if err != nil {
			if o != (site.AppOrigin{}) {
				t.Fatalf("%q: a result with an error", raw)
			}
			return
		}
		host, ok := strings.CutPrefix(o.Origin, "https://")
		if !ok || strings.ContainsAny(host, "/:@?#%\\ ") {
			t.Fatalf("%q: origin %q", raw, o.Origin)
		}
		zone := false
		for _, s := range site.Table() {
			zone = zone || host == s.AppHost() || strings.HasSuffix(host, "."+s.Domain())
		}
		if !zone || o.Partition == "" {
			t.Fatalf("%q: origin %q is in no zone of Datadog's", raw, o.Origin)
		}
		again, err := site.ParseAppOrigin(o.Origin)
		if err != nil || again != o {
			t.Fatalf("%q: %q parses as %v, %v", raw, o.Origin, again, err)
		}
	})
}

func TestMeant(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"bigcorp.datadoghq.eu": "datadoghq.eu", "https://bigcorp.us3.datadoghq.com/apm": "us3.datadoghq.com", "api.datadoghq.com": "datadoghq.com", " APP.ap1.datadoghq.com": "ap1.datadoghq.com",
		"us5.datadoghq.com/": "us5.datadoghq.com", "app.ddog-gov.com": "ddog-gov.com",
		"": "", "evil.example": "", "datadoghq.com.evil.example": "", "evil-datadoghq.com": "", "https://evil.example/.datadoghq.com": "", "http://app.datadoghq.com.": "", "a\x00.datadoghq.com": "",
	} {
		got, ok := site.Meant(raw)
		assert.Equal(t, want != "", ok, raw)
		if ok {
			assert.Equal(t, want, got.Domain(), raw)
		}
	}
}

package site

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Host names one purpose that a site has a host for.
type Host string

// The hosts of a site. HostAPI carries OAuth, the marketplace endpoint, REST reads, series, sketches, checks and v1 events.
const (
	HostAPI    Host = "api"
	HostLogs   Host = "logs"
	HostTraces Host = "traces"
	HostOTLP   Host = "otlp" // see Site.Serves
	HostEvents Host = "events"
	HostSpans  Host = "spans" // the public span intake
)

// IntakeHosts are the hosts that a config file may override, for a private link or a proxy.
var intakeHosts = []Host{HostAPI, HostLogs, HostTraces, HostOTLP, HostEvents, HostSpans}

// Hostname is Datadog's own name of a host of this site. OAuth and mint use it as it is, whatever a config overrides.
func (s Site) Hostname(h Host) string {
	switch h {
	case HostAPI:
		return "api." + s.row.domain
	case HostLogs:
		return "http-intake.logs." + s.row.domain
	case HostTraces:
		return "trace.agent." + s.row.domain
	case HostOTLP:
		return "otlp." + s.row.domain
	case HostEvents:
		return "event-management-intake." + s.row.domain
	case HostSpans:
		return s.row.spans
	default:
		panic("site: no such host: " + string(h))
	}
}

// Hostnames returns every name that a credential of this site may travel to.
func (s Site) Hostnames() []string {
	names := make([]string, 0, len(intakeHosts))
	for _, h := range intakeHosts {
		names = append(names, s.Hostname(h))
	}
	return names
}

// Owns reports whether hostname (no port) is one of Datadog's own hosts of this site.
func (s Site) Owns(hostname string) bool {
	return !s.IsZero() && slices.Contains(s.Hostnames(), strings.ToLower(hostname))
}

// Serves reports whether the site is known to have a host. Of the OTLP intake of US2-FED there is neither a line in Datadog's documentation
// nor a user, and a name that resolves would prove nothing: Datadog's zones hold wildcards.
//
// Sources: DataDog/documentation, assets/scripts/config/regions.config.js; public projects that send to otlp.ddog-gov.com.
func (s Site) Serves(h Host) bool { return h != HostOTLP || !s.row.noOTLP }

// Endpoints says which base URL stands for each host of each site: Datadog's own, or what the config file says.
//
// The zero Endpoints uses Datadog's own everywhere. Overrides are for intakes only; they come from a config
// file through NewEndpoints and from nowhere else, so nothing that arrives over HTTP can redirect data.
type Endpoints struct {
	overrides map[string]map[Host]string // by domain
	platform  string
}

// NewEndpoints checks overrides, keyed by site parameter and host, and reports every fault at once.
// A value is an https origin: "https://host[:port]", no path, query, fragment or user.
func NewEndpoints(overrides map[string]map[string]string) (Endpoints, error) {
	var errs []error
	e := Endpoints{overrides: make(map[string]map[Host]string, len(overrides))}
	for domain, hosts := range overrides {
		if _, ok := ByDomain(domain); !ok {
			errs = append(errs, fmt.Errorf("%s: no such Datadog site; known: %s", domain, knownDomains()))
			continue
		}
		e.overrides[domain] = make(map[Host]string, len(hosts))
		for name, raw := range hosts {
			if !slices.Contains(intakeHosts, Host(name)) {
				errs = append(errs, fmt.Errorf("%s::%s: no such host; known: %v", domain, name, intakeHosts))
				continue
			}
			u, err := url.Parse(raw)
			if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
				errs = append(errs, fmt.Errorf("%s::%s: must be an https origin such as https://intake.example.com, got %q", domain, name, raw))
				continue
			}
			e.overrides[domain][Host(name)] = "https://" + u.Host
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Endpoints{}, err
	}
	return e, nil
}

// WithPlatform returns e with the OTLP host that Datadog has for a managed platform, <platform>.integrations.otlp.<site>, in place of otlp.<site>.
// Overrides stay in force, and with an empty name e stays as it is.
//
// https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/managed_platforms/
func (e Endpoints) WithPlatform(name string) (Endpoints, error) {
	if name != "" && !dnsLabel.MatchString(name) {
		return Endpoints{}, errors.New("must be one label of a host name in lower case, such as the one in the address that Datadog gave you")
	}
	e.platform = name
	return e, nil
}

// Serves reports whether there is an address for a host of s: one that Datadog is known to have, or one from the config file.
func (e Endpoints) Serves(s Site, h Host) bool {
	_, ok := e.overrides[s.row.domain][h]
	return ok || s.Serves(h)
}

// URL is the base URL of a host of s, without a trailing slash.
func (e Endpoints) URL(s Site, h Host) string {
	if base, ok := e.overrides[s.row.domain][h]; ok {
		return base
	}
	if h == HostOTLP && e.platform != "" {
		return "https://" + e.platform + ".integrations." + s.Hostname(h)
	}
	return "https://" + s.Hostname(h)
}

func knownDomains() string {
	domains := make([]string, len(table))
	for i, r := range table {
		domains[i] = r.domain
	}
	return strings.Join(domains, ", ")
}

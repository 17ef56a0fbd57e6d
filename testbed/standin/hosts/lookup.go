package hosts

import (
	"regexp"
	"strings"
)

// Purpose says what a host is for.
type Purpose string

// The purposes of hosts. App is the browser's side, the others are intakes and APIs.
const (
	App    Purpose = "app"
	API    Purpose = "api"
	Logs   Purpose = "logs"
	Traces Purpose = "traces"
	OTLP   Purpose = "otlp"
	Events Purpose = "events"
	Spans  Purpose = "spans"
)

// Target is what one host name stands for.
type Target struct {
	Host    string
	Purpose Purpose
	// Site is the site that the host belongs to. On a vanity host it is the zone only: the organisation behind it may
	// live on any site whose domain is in that zone.
	Site Site
	// Vanity is the custom label of an organisation's own app host, such as "bigcorp" of bigcorp.datadoghq.eu; else empty.
	Vanity string
}

// Lookup says what a host name (no port) stands for, and false for a host that is not Datadog's.
func Lookup(host string) (Target, bool) {
	host = strings.ToLower(host)
	if t, ok := table[host]; ok {
		return t, true
	}
	if t, ok := platformOTLP(host); ok {
		return t, true
	}
	return vanity(host)
}

var table = buildTable()

func buildTable() map[string]Target {
	t := make(map[string]Target)
	add := func(s Site, p Purpose, host string) { t[host] = Target{Host: host, Purpose: p, Site: s} }
	for _, s := range sites {
		add(s, App, s.AppHost)
		add(s, App, "app."+s.Domain) // Datadog's own tools use this form for three-label sites too
		add(s, API, "api."+s.Domain)
		add(s, Logs, "http-intake.logs."+s.Domain)
		if s.agentLogs {
			add(s, Logs, "agent-http-intake.logs."+s.Domain)
		}
		add(s, Traces, "trace.agent."+s.Domain)
		add(s, OTLP, "otlp."+s.Domain)
		add(s, Events, "event-management-intake."+s.Domain)
		for _, host := range s.spans {
			add(s, Spans, host)
		}
	}
	return t
}

var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// platformOTLP knows <platform>.integrations.otlp.<site>, the OTLP hosts for managed platforms.
func platformOTLP(host string) (Target, bool) {
	for _, s := range sites {
		platform, ok := strings.CutSuffix(host, ".integrations.otlp."+s.Domain)
		if ok && label.MatchString(platform) {
			return Target{Host: host, Purpose: OTLP, Site: s}, true
		}
	}
	return Target{}, false
}

// vanity knows an organisation's own app host: one label below a site. Labels that Datadog uses itself are no vanity.
func vanity(host string) (Target, bool) {
	var zone Site
	for _, s := range sites {
		if strings.HasSuffix(host, "."+s.Domain) && len(s.Domain) > len(zone.Domain) {
			zone = s
		}
	}
	name, ok := strings.CutSuffix(host, "."+zone.Domain)
	if !ok || zone.Domain == "" || !label.MatchString(name) || taken[name] || strings.HasPrefix(name, "xn--") ||
		strings.HasSuffix(name, "-intake") || strings.HasPrefix(name, "browser-intake-") {
		return Target{}, false
	}
	return Target{Host: host, Purpose: App, Site: zone, Vanity: name}, true
}

// InZone reports whether an organisation on site s can have a vanity host below zone.
func (s Site) InZone(zone Site) bool {
	return s.Domain == zone.Domain || strings.HasSuffix(s.Domain, "."+zone.Domain)
}

// taken are labels below a site that Datadog uses for services of its own.
var taken = func() map[string]bool {
	m := make(map[string]bool)
	for _, name := range strings.Fields(`api app otlp mcp opamp config trace agent process orchestrator synthetics intake docs
		static www status p go help support install oncall logs ip-ranges us1 us2 us3 us5 eu1 ap1 ap2 uk1`) {
		m[name] = true
	}
	return m
}()

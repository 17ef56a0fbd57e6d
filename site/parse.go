package site

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// ErrUnknown means that a value names no Datadog site. Nothing may be sent anywhere on account of such a value.
var ErrUnknown = errors.New("not a Datadog site")

const (
	maxDomainBytes = 253
	maxOriginBytes = 300
)

// ParseDomain reads the "domain" that Datadog adds to onboarding and callback URLs. It comes from a browser, so only
// an exact row of the table passes: the token request that follows carries the client secret.
//
// A value below a known site is refused with a hint, since it is a custom subdomain: those exist for the web
// application only, and api.<subdomain>.<site> fails TLS verification.
func ParseDomain(raw string) (Site, error) {
	domain, err := clean(raw, maxDomainBytes)
	if err != nil {
		return Site{}, err
	}
	if s, ok := ByDomain(domain); ok {
		return s, nil
	}
	if below, ok := siteAbove(domain); ok {
		return Site{}, fmt.Errorf("%w: %q looks like a custom subdomain of %s; use %s", ErrUnknown, domain, below.Domain(), below.Domain())
	}
	return Site{}, fmt.Errorf("%w: %q; known sites: %s", ErrUnknown, domain, knownDomains())
}

// AppOrigin is where a consent begins, as read from the "site" of an onboarding URL.
type AppOrigin struct {
	// Origin is "https://<host>", the host being the app host of a site or a custom subdomain.
	Origin string
	// Site is the site whose own app host this is; zero for a custom subdomain, which tells a zone but not a
	// site: only the callback's domain does.
	Site Site
	// Partition is known in both cases.
	Partition Partition
}

// ParseAppOrigin reads the "site" of an onboarding URL, with or without a scheme. The result is for the browser's
// redirect only; a call that carries a credential never goes there.
func ParseAppOrigin(raw string) (AppOrigin, error) {
	text, err := clean(raw, maxOriginBytes)
	if err != nil {
		return AppOrigin{}, err
	}
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#") {
			return AppOrigin{}, fmt.Errorf("%w: %q must be https://<host>", ErrUnknown, text)
		}
		if port := u.Port(); port != "" && port != "443" || strings.HasSuffix(u.Host, ":") {
			return AppOrigin{}, fmt.Errorf("%w: %q must not name a port", ErrUnknown, text)
		}
		text = u.Hostname()
	}
	for _, r := range table {
		if text == r.domain || text == r.appHost || text == "app."+r.domain {
			s := Site{r}
			return AppOrigin{Origin: s.AppOrigin(), Site: s, Partition: s.Partition()}, nil
		}
	}
	if label, zone, ok := vanity(text); ok && !reserved(label) {
		return AppOrigin{Origin: "https://" + text, Partition: zone.Partition()}, nil
	}
	return AppOrigin{}, fmt.Errorf("%w: %q; known sites: %s", ErrUnknown, text, knownDomains())
}

// Meant names the site that somebody probably means by a value that is none: one of its hosts, or a custom subdomain, in place of its site
// parameter. It is for people to read and no value to use.
func Meant(raw string) (Site, bool) {
	text, err := clean(raw, maxOriginBytes)
	if err != nil {
		return Site{}, false
	}
	text, _, _ = strings.Cut(strings.TrimPrefix(text, "https://"), "/")
	if s, ok := ByDomain(text); ok {
		return s, true
	}
	return siteAbove(text)
}

// clean lower-cases raw and refuses what no host name holds, before anything is looked up.
func clean(raw string, maxBytes int) (string, error) {
	text := strings.TrimSpace(raw)
	if text == "" {
		return "", fmt.Errorf("%w: empty", ErrUnknown)
	}
	if len(text) > maxBytes {
		return "", fmt.Errorf("%w: longer than %d bytes", ErrUnknown, maxBytes)
	}
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '%' || c == '\\' {
			return "", fmt.Errorf("%w: it holds a character that no host name has", ErrUnknown)
		}
	}
	return strings.ToLower(text), nil
}

var dnsLabel = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// vanity splits "<label>.<zone>", where zone is the longest site parameter that fits.
func vanity(host string) (label string, zone Site, ok bool) {
	zone, ok = siteAbove(host)
	if !ok {
		return "", Site{}, false
	}
	label = strings.TrimSuffix(host, "."+zone.Domain())
	return label, zone, dnsLabel.MatchString(label) && !strings.HasPrefix(label, "xn--")
}

// siteAbove finds the site with the longest parameter that host ends in: us3.datadoghq.com also looks like a
// subdomain of datadoghq.com.
func siteAbove(host string) (Site, bool) {
	var best *row
	for _, r := range table {
		if strings.HasSuffix(host, "."+r.domain) && (best == nil || len(r.domain) > len(best.domain)) {
			best = r
		}
	}
	return Site{best}, best != nil
}

// services are labels below a site that Datadog itself uses. They would pass a check of the suffix.
var services = map[string]bool{
	"api": true, "app": true, "otlp": true, "mcp": true, "opamp": true, "config": true, "trace": true, "agent": true,
	"process": true, "orchestrator": true, "synthetics": true, "intake": true, "docs": true, "static": true, "www": true,
	"status": true, "p": true, "go": true, "help": true, "support": true, "install": true, "oncall": true,
	"http-intake": true, "event-management-intake": true, "browser-intake": true, "ip-ranges": true,
	"us1": true, "us2": true, "us3": true, "us5": true, "eu1": true, "ap1": true, "ap2": true, "uk1": true, "logs": true,
}

func reserved(label string) bool {
	return services[label] || strings.HasSuffix(label, "-intake") || strings.HasPrefix(label, "browser-intake-")
}

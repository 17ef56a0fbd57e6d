package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// purposes say what goes to each host of a site.
var purposes = []struct {
	host site.Host
	what string
}{
	{site.HostAPI, "OAuth, API, metrics, events, service checks"},
	{site.HostLogs, "logs"},
	{site.HostTraces, "traces and APM stats"},
	{site.HostOTLP, "OTLP"},
	{site.HostEvents, "events v2"},
	{site.HostSpans, "span intake of the guide"},
}

const hostTime = 15 * time.Second

// hosts is the fourth step.
func (r *run) hosts(ctx context.Context) {
	at := r.facts.Site
	if at.IsZero() {
		r.add(notTested("step4.hosts", "Every host of the tenant's site answers", "the tenant is not connected, so it has no site", reconnect))
	} else {
		r.probeHosts(ctx, at)
		r.add(r.ownHosts(at))
		r.add(subdomain(at, site.ParseDomain))
	}
	r.add(r.link(ctx, "step4.no_site", "A link that names no site begins where the customer can choose one", nil, site.US1().AppOrigin()))
}

// probeHosts asks all of them side by side, and those that the exporters' endpoints name besides.
func (r *run) probeHosts(ctx context.Context, at site.Site) {
	own, overrides, _ := r.dataHosts(at)
	var all sync.WaitGroup
	for _, p := range purposes {
		name := at.Hostname(p.host)
		id, what := "step4.host."+string(p.host), name+" ("+p.what+")"
		if !at.Serves(p.host) {
			r.add(optional(notTested(id, what, "whether "+at.Name()+" has such a host is not documented", "nothing, unless data is to go there: ask Datadog for the host, and name it in the exporter's endpoints")))
			continue
		}
		replaced := len(overrides) > 0 && p.host != site.HostAPI && !slices.Contains(own, name)
		r.add(open(id, what))
		all.Go(func() {
			l := r.probeHost(ctx, id, what, name)
			if l.Result == Fail && replaced {
				l = optional(notTested(id, what, l.Evidence+"; the exporter's endpoints name "+list(overrides), "nothing, if data is to go there only"))
			}
			r.set(l)
		})
	}
	for _, name := range overrides {
		id, what := "step4.endpoint."+name, name+" (of the exporter's endpoints)"
		r.add(open(id, what))
		all.Go(func() {
			l := r.probeHost(ctx, id, what, name)
			if l.Result == Fail { // what the exporter says of it when it sends counts
				l = notTested(id, what, l.Evidence+"; it was asked with the extension's http settings, and the exporter has its own", l.Todo)
			}
			r.set(l)
		})
	}
	all.Wait()
}

// probeHost passes where a host shows a certificate for its name and answers anything. No credential goes with it.
func (r *run) probeHost(ctx context.Context, id, what, name string) Line {
	ctx, cancel := context.WithTimeout(ctx, hostTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, "https://"+name+"/", http.NoBody)
	if err != nil {
		return fail(id, what, err.Error(), "")
	}
	began := time.Now()
	resp, err := r.HTTP.RoundTrip(req)
	if err != nil {
		return fail(id, what, "no answer: "+netCause(err).Error(), "let this collector reach "+name+" on port 443, past firewall, proxy (http::proxy_url) and private link; "+
			"a certificate for other names is that of something in between")
	}
	_ = resp.Body.Close()
	if resp.TLS == nil || len(resp.TLS.PeerCertificates) == 0 {
		return fail(id, what, "the answer came without TLS", "Datadog is called over https only; look for what is in between")
	}
	cert := resp.TLS.PeerCertificates[0]
	return pass(id, what, fmt.Sprintf("%s, certificate of %s until %s; HEAD / answered %d after %s",
		tls.VersionName(resp.TLS.Version), orUnknown(cert.Issuer.CommonName), cert.NotAfter.UTC().Format(time.DateOnly), resp.StatusCode, time.Since(began).Round(time.Millisecond)))
}

// netCause leaves out the address, which stands beside it.
func netCause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// ownHosts compares where the exporters of this collector send a tenant's data with the hosts of its site.
func (r *run) ownHosts(at site.Site) Line {
	const id, what = "step4.routing", "Data goes to hosts of the tenant's site and to no other"
	if len(r.Probers) == 0 {
		return notTested(id, what, "no exporter of this collector sends with these grants", "run the check at a collector that sends data")
	}
	own, overrides, foreign := r.dataHosts(at)
	if len(foreign) > 0 {
		return fail(id, what, "the exporter would send to hosts of another site: "+list(foreign), "take them out of the exporter's endpoints")
	}
	if len(own)+len(overrides) == 0 {
		return notTested(id, what, "the exporters of this collector have no host for data at "+at.Name(), "use another intake for this site, or name a host in the exporter's endpoints")
	}
	evidence := "tokens and key go to " + at.Hostname(site.HostAPI) + ", data to " + list(own)
	if len(overrides) > 0 {
		evidence += "; the exporter's endpoints name " + list(overrides)
	}
	return pass(id, what, evidence)
}

// dataHosts are where the exporters of this collector send data for a site, each once: hosts of the site, others that are none of Datadog's, and
// hosts of other sites.
func (r *run) dataHosts(at site.Site) (own, overrides, foreign []string) {
	var names []string
	for _, p := range r.Probers {
		names = append(names, p.ProbeHosts(at)...)
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		host, _, _ := strings.Cut(name, ":")
		switch {
		case at.Owns(host), strings.HasSuffix(host, ".integrations."+at.Hostname(site.HostOTLP)):
			own = append(own, name)
		case slices.ContainsFunc(site.Table(), func(s site.Site) bool { return s.Owns(host) }):
			foreign = append(foreign, name)
		default:
			overrides = append(overrides, name)
		}
	}
	return own, overrides, foreign
}

// list writes names, each once, in order.
func list(names []string) string {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// subdomain is what becomes of an organisation's own address where a site is expected.
func subdomain(at site.Site, parse func(string) (site.Site, error)) Line {
	const id, what = "step4.subdomain", "A custom subdomain is not taken for a site"
	raw := "bigcorp." + at.Domain()
	switch _, err := parse(raw); {
	case err == nil:
		return fail(id, what, raw+" was taken for a site", "this is a fault of the extension: report it")
	case !strings.Contains(err.Error(), "use "+at.Domain()):
		return fail(id, what, raw+" was refused without a word on the right one: "+err.Error(), "this is a fault of the extension: report it")
	default:
		return pass(id, what, "a callback with the domain "+raw+" is refused: "+err.Error())
	}
}

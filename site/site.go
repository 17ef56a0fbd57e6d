// Package site is the table of Datadog sites and the only place where a Datadog host name is written.
//
// A site is an independent deployment of Datadog: data, keys, tokens and organisations are never shared
// between two of them. A site is named by its site parameter, such as "us3.datadoghq.com"; that is what
// Datadog calls "domain" in OAuth callbacks. The origin of the web application is the app origin: never
// the same thing, since an organisation may have a custom subdomain there.
//
// Sources: https://docs.datadoghq.com/getting_started/site/, the servers of
// DataDog/datadog-api-client-go (tag v2.67.0), https://docs.datadoghq.com/agent/configuration/network/ and
// https://docs.datadoghq.com/real_user_monitoring/ ("Supported endpoints for SDK domains").
package site

import "slices"

// Site is one row of the table. The zero Site is no site; sites come from Table, ByDomain or Parse only.
type Site struct {
	row *row
}

type row struct {
	name      string
	domain    string
	appHost   string
	partition Partition
	spans     string
	noOTLP    bool // no OTLP intake is known
}

// Partition keeps commercial and government deployments apart: a consent that began in one never ends in the other.
type Partition string

// The partitions of the table.
const (
	Commercial Partition = "commercial"
	Government Partition = "government"
)

// table lists every public site. The span intake hosts follow no rule (their zone is not the site's), so each is written out.
var table = []*row{
	{"US1", "datadoghq.com", "app.datadoghq.com", Commercial, "trace.browser-intake-datadoghq.com", false},
	{"US3", "us3.datadoghq.com", "us3.datadoghq.com", Commercial, "trace.browser-intake-us3-datadoghq.com", false},
	{"US5", "us5.datadoghq.com", "us5.datadoghq.com", Commercial, "trace.browser-intake-us5-datadoghq.com", false},
	{"EU1", "datadoghq.eu", "app.datadoghq.eu", Commercial, "public-trace-http-intake.logs.datadoghq.eu", false},
	{"AP1", "ap1.datadoghq.com", "ap1.datadoghq.com", Commercial, "browser-intake-ap1-datadoghq.com", false},
	{"AP2", "ap2.datadoghq.com", "ap2.datadoghq.com", Commercial, "browser-intake-ap2-datadoghq.com", false},
	{"UK1", "uk1.datadoghq.com", "uk1.datadoghq.com", Commercial, "browser-intake-uk1-datadoghq.com", false},
	{"US1-FED", "ddog-gov.com", "app.ddog-gov.com", Government, "trace.browser-intake-ddog-gov.com", false},
	{"US2-FED", "us2.ddog-gov.com", "us2.ddog-gov.com", Government, "browser-intake-us2-ddog-gov.com", true},
}

// Table returns every site, in the order of Datadog's documentation.
func Table() []Site {
	sites := make([]Site, len(table))
	for i, r := range table {
		sites[i] = Site{r}
	}
	return sites
}

// US1 is where a consent begins when nothing says where the customer lives; Datadog's page lets the customer choose there.
func US1() Site { return Site{table[0]} }

// ByDomain returns the site whose site parameter is exactly domain, in lower case.
func ByDomain(domain string) (Site, bool) {
	i := slices.IndexFunc(table, func(r *row) bool { return r.domain == domain })
	if i < 0 {
		return Site{}, false
	}
	return Site{table[i]}, true
}

// IsZero reports whether s is no site.
func (s Site) IsZero() bool { return s.row == nil }

// Name is the short name in Datadog's documentation, such as "EU1".
func (s Site) Name() string { return s.row.name }

// Domain is the site parameter, such as "us3.datadoghq.com".
func (s Site) Domain() string { return s.row.domain }

// Partition tells commercial sites from government ones.
func (s Site) Partition() Partition { return s.row.partition }

// AppOrigin is where a browser goes to give consent, such as "https://app.datadoghq.eu".
func (s Site) AppOrigin() string { return "https://" + s.row.appHost }

// AppHost is the host of AppOrigin.
func (s Site) AppHost() string { return s.row.appHost }

func (s Site) String() string {
	if s.row == nil {
		return "no site"
	}
	return s.row.domain
}

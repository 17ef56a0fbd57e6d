// Package hosts is the stand-in's own table of Datadog's sites and of every host that answers for them.
//
// It is written from Datadog's documentation and shares nothing with the product, so that a wrong row in either table
// makes a test fail. A host that is not in this table does not exist: the proxy refuses to connect to it.
//
// Sources: https://docs.datadoghq.com/getting_started/site/, the servers of DataDog/datadog-api-client-go v2.67.0,
// https://docs.datadoghq.com/agent/configuration/network/, https://docs.datadoghq.com/agent/guide/private-link/,
// https://docs.datadoghq.com/real_user_monitoring/ (SDK domains) and the intake table of DataDog/dd-trace-js.
package hosts

// Site is one independent deployment of Datadog.
type Site struct {
	// Name is Datadog's short name, such as "EU1".
	Name string
	// Domain is the site parameter, such as "us3.datadoghq.com". It is the key of a site everywhere in the stand-in.
	Domain string
	// AppHost is where browsers go.
	AppHost string
	// Government sites and commercial ones share no consent page.
	Government bool

	agentLogs bool     // agent-http-intake.logs.<site> is published for this site
	spans     []string // public span intakes, the one that Datadog's guides name first
}

// AppOrigin is the origin of the web application, such as "https://app.datadoghq.eu".
func (s Site) AppOrigin() string { return "https://" + s.AppHost }

var sites = []Site{
	{Name: "US1", Domain: "datadoghq.com", AppHost: "app.datadoghq.com", agentLogs: true, spans: []string{
		"trace.browser-intake-datadoghq.com", "public-trace-http-intake.logs.datadoghq.com", "browser-intake-datadoghq.com"}},
	{Name: "US3", Domain: "us3.datadoghq.com", AppHost: "us3.datadoghq.com", agentLogs: true, spans: []string{
		"trace.browser-intake-us3-datadoghq.com", "browser-intake-us3-datadoghq.com"}},
	{Name: "US5", Domain: "us5.datadoghq.com", AppHost: "us5.datadoghq.com", agentLogs: true, spans: []string{
		"trace.browser-intake-us5-datadoghq.com", "browser-intake-us5-datadoghq.com"}},
	{Name: "EU1", Domain: "datadoghq.eu", AppHost: "app.datadoghq.eu", agentLogs: true, spans: []string{
		"public-trace-http-intake.logs.datadoghq.eu", "browser-intake-datadoghq.eu"}},
	{Name: "AP1", Domain: "ap1.datadoghq.com", AppHost: "ap1.datadoghq.com", agentLogs: true, spans: []string{
		"browser-intake-ap1-datadoghq.com"}},
	{Name: "AP2", Domain: "ap2.datadoghq.com", AppHost: "ap2.datadoghq.com", agentLogs: true, spans: []string{
		"browser-intake-ap2-datadoghq.com"}},
	{Name: "UK1", Domain: "uk1.datadoghq.com", AppHost: "uk1.datadoghq.com", agentLogs: true, spans: []string{
		"browser-intake-uk1-datadoghq.com"}},
	{Name: "US1-FED", Domain: "ddog-gov.com", AppHost: "app.ddog-gov.com", Government: true, agentLogs: true, spans: []string{
		"trace.browser-intake-ddog-gov.com", "browser-intake-ddog-gov.com"}},
	{Name: "US2-FED", Domain: "us2.ddog-gov.com", AppHost: "us2.ddog-gov.com", Government: true, spans: []string{
		"browser-intake-us2-ddog-gov.com"}},
}

// Sites returns every site, in the order of Datadog's documentation.
func Sites() []Site { return append([]Site(nil), sites...) }

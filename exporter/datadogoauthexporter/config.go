package datadogoauthexporter

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// Config is what an operator writes under this exporter in the collector file.
type Config struct {
	// Credentials names the extension that holds the customers' grants.
	Credentials component.ID `mapstructure:"credentials"`
	// Tenant says whose a resource is.
	Tenant TenantConfig `mapstructure:"tenant"`

	// Timeout bounds one body: a request that is larger than an intake takes at once is sent in several.
	Timeout time.Duration `mapstructure:"timeout"`
	// ShutdownTimeout bounds a stop, of all signals together. What is not sent by then stays in the queue's storage, or is counted as lost.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout"`
	stops           *sharedStop
	// Retry is exporterhelper's retry. Where it would give up, the request is parked.
	Retry configretry.BackOffConfig `mapstructure:"retry_on_failure"`
	// Queue is exporterhelper's queue and batcher. Batches are always of one tenant. With a storage it needs Retry, which tells it at a stop
	// what to keep.
	Queue configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`
	// MaxSendsPerTenant is how many requests of one tenant may be under way at one intake, those from the park included, so that a tenant
	// whose intake hangs leaves the queue's workers to the others.
	MaxSendsPerTenant int `mapstructure:"max_sends_per_tenant"`
	// MaxQueueSharePerTenant is the part that one tenant may hold of what the others leave of the queue. What is above is refused with a
	// retryable error, to that tenant alone.
	MaxQueueSharePerTenant float64 `mapstructure:"max_queue_share_per_tenant"`
	// Parking bounds what waits for tenants that cannot take it.
	Parking ParkingConfig `mapstructure:"parking"`

	// HTTP is the client that all intakes are called with: proxy, TLS and connections.
	HTTP confighttp.ClientConfig `mapstructure:"http"`
	// Endpoints replace Datadog's own intake hosts, by site parameter and host (api, logs, traces, …), for a private link or a proxy.
	Endpoints map[string]map[string]string `mapstructure:"endpoints"`

	// Hostname is the host of resources that name none. Without it they have no host, so that the partner's machine is nobody's host.
	Hostname string `mapstructure:"hostname"`
	// ResourceHost says what becomes of the host that a resource names: keep, or drop, as if it named none.
	ResourceHost ResourceHost `mapstructure:"resource_host"`
	// HostMetadata is about the hosts in the customers' lists of hosts.
	HostMetadata HostMetadataConfig `mapstructure:"host_metadata"`
	// Integration is how the data introduces itself.
	Integration IntegrationConfig `mapstructure:"integration"`

	// OTLP is about the OTLP intake, for signals that go there.
	OTLP OTLPConfig `mapstructure:"otlp"`

	Metrics MetricsConfig `mapstructure:"metrics"`
	Logs    LogsConfig    `mapstructure:"logs"`
	Traces  TracesConfig  `mapstructure:"traces"`

	Events        EventsConfig        `mapstructure:"events"`
	ServiceChecks ServiceChecksConfig `mapstructure:"service_checks"`
	Incidents     IncidentsConfig     `mapstructure:"incidents"`
}

// ResourceHost says what becomes of the host that a resource names.
type ResourceHost string

// The settings of ResourceHost.
const (
	KeepResourceHost ResourceHost = "keep"
	DropResourceHost ResourceHost = "drop"
)

// TenantConfig says which sources name the tenant of a resource. The most trusted one wins: fixed, then the client metadata, then the
// resource attribute. Where two of those that are configured disagree, the resource is refused.
type TenantConfig struct {
	// Fixed is the tenant of everything that this exporter gets.
	Fixed string `mapstructure:"fixed"`
	// MetadataKey is the client metadata (HTTP header, gRPC metadata) that names the tenant. The receiver needs include_metadata: true.
	MetadataKey string `mapstructure:"metadata_key"`
	// ResourceAttribute believes the resource attribute datadog.tenant. Whoever can send telemetry here can then name any tenant.
	ResourceAttribute bool `mapstructure:"resource_attribute"`
	// Allowed limits the tenants. Empty: every connected tenant.
	Allowed []string `mapstructure:"allowed"`
	// Default is the tenant of resources of which nothing names one. One that is named and refused is no reason for it.
	Default string `mapstructure:"default"`
	// WhenUnknown and WhenNotConnected are reject, or park until the tenant connects or the data is too old.
	WhenUnknown      TenantPolicy `mapstructure:"when_unknown"`
	WhenNotConnected TenantPolicy `mapstructure:"when_not_connected"`
	// MaxWaiting is how many tenants that are not connected may have data waiting, per signal.
	MaxWaiting int `mapstructure:"max_waiting"`
}

// IntegrationConfig names the partner's integration.
type IntegrationConfig struct {
	// Source is the ddsource of every log, which picks the integration's log pipeline, and the source of every event.
	Source string `mapstructure:"source"`
}

// MetricsConfig is about series and sketches.
type MetricsConfig struct {
	// Intake is agent or otlp.
	Intake IntakeForm `mapstructure:"intake"`
	// Compression of series and sketches.
	Compression intake.Compression `mapstructure:"compression"`
	// MaxAge is how old a point may be when it is sent. Datadog takes one hour, of which some is needed for the way; set more for customers with
	// Historical Metrics.
	MaxAge time.Duration `mapstructure:"max_age"`
	// MaxAhead is how far ahead of the clock a point may be when it is sent. Datadog takes ten minutes.
	MaxAhead time.Duration `mapstructure:"max_ahead"`
	// ResourceAttributesAsTags copies every resource attribute to the tags.
	ResourceAttributesAsTags bool `mapstructure:"resource_attributes_as_tags"`
	// ScopeMetadataAsTags adds name, version and attributes of the instrumentation scope to the tags.
	ScopeMetadataAsTags bool `mapstructure:"instrumentation_scope_metadata_as_tags"`
	// InferIntervalForDelta gives delta sums an interval.
	InferIntervalForDelta bool `mapstructure:"infer_interval_for_delta"`
	// Units sends units, in Datadog's words.
	Units bool `mapstructure:"units"`
	// Remapping is none, runtime or all: which metrics are sent under the names of Datadog's own checks as well.
	Remapping metrics.Remapping `mapstructure:"remapping"`
	// Shared says that other collectors take turns with this one at a tenant's series, behind a balancer. What another one may have counted of a
	// cumulative series is then not counted here.
	Shared bool `mapstructure:"shared"`
	// WriterTag is the last tag of each series and sketch, so that no other collector overwrites it. Empty for none.
	WriterTag string `mapstructure:"writer_tag"`
	// DeltaTTL is how long a cumulative series is remembered after its last point.
	DeltaTTL time.Duration `mapstructure:"delta_ttl"`
	// MaxSeriesPerTenant and MaxSeries bound the cumulative series that are remembered.
	MaxSeriesPerTenant int `mapstructure:"max_series_per_tenant"`
	MaxSeries          int `mapstructure:"max_series"`

	Sums       SumsConfig       `mapstructure:"sums"`
	Histograms HistogramsConfig `mapstructure:"histograms"`
	Summaries  SummariesConfig  `mapstructure:"summaries"`
}

// SumsConfig is about cumulative monotonic sums.
type SumsConfig struct {
	// CumulativeMonotonicMode is to_delta or raw_value.
	CumulativeMonotonicMode metrics.CumulativeMonotonicMode `mapstructure:"cumulative_monotonic_mode"`
	// InitialCumulativeMonotonicValue is auto, keep or drop.
	InitialCumulativeMonotonicValue metrics.InitialValue `mapstructure:"initial_cumulative_monotonic_value"`
}

// HistogramsConfig is about explicit-bounds histograms.
type HistogramsConfig struct {
	// Mode is distributions, counters or nobuckets.
	Mode metrics.HistogramMode `mapstructure:"mode"`
	// SendAggregationMetrics adds count, sum, min and max.
	SendAggregationMetrics bool `mapstructure:"send_aggregation_metrics"`
}

// SummariesConfig is about summaries.
type SummariesConfig struct {
	// Mode is gauges or noquantiles.
	Mode metrics.SummaryMode `mapstructure:"mode"`
}

// LogsConfig is about logs.
type LogsConfig struct {
	// Intake is agent or otlp.
	Intake      IntakeForm         `mapstructure:"intake"`
	Compression intake.Compression `mapstructure:"compression"`
	// MaxAge is how old a log may be when it is sent. Datadog indexes up to 18 hours.
	MaxAge time.Duration `mapstructure:"max_age"`
}

// TracesConfig is about spans and their stats.
type TracesConfig struct {
	// Intake is agent, otlp or public.
	Intake IntakeForm `mapstructure:"intake"`
	// IgnoreResources are regular expressions of resource names. A trace whose root has such a resource is left out.
	IgnoreResources []string `mapstructure:"ignore_resources"`
	// SpanNameRemappings are other names for operations, by name.
	SpanNameRemappings map[string]string `mapstructure:"span_name_remappings"`
	// SpanNameAsResourceName makes the name of a span its operation name. The default of Datadog's OTLP intake is true; this one is that of its
	// exporter.
	SpanNameAsResourceName bool `mapstructure:"span_name_as_resource_name"`
	// ComputeTopLevelBySpanKind tells by its kind that a service is entered by a span, and measures calls; otherwise its parent decides.
	ComputeTopLevelBySpanKind bool `mapstructure:"compute_top_level_by_span_kind"`
	// Compression of spans and stats.
	Compression intake.Compression `mapstructure:"compression"`
	// MaxAge is how old a span may be when it is sent. Datadog states no limit.
	MaxAge time.Duration `mapstructure:"max_age"`

	// ComputeStats computes APM stats of the spans that are accepted, but for resources that say that theirs were computed. With the OTLP
	// intake Datadog is asked to compute them, and none are computed here.
	ComputeStats bool `mapstructure:"compute_stats"`
	// ComputeStatsBySpanKind computes them for every server, client, producer and consumer span, besides those that enter a service.
	ComputeStatsBySpanKind bool `mapstructure:"compute_stats_by_span_kind"`
	// PeerTagsAggregation groups stats by what names the peer of a span. PeerTags are keys of it besides Datadog's.
	PeerTagsAggregation bool     `mapstructure:"peer_tags_aggregation"`
	PeerTags            []string `mapstructure:"peer_tags"`
	// BucketInterval is the length of a bucket of stats, which is also how often they are sent.
	BucketInterval time.Duration `mapstructure:"bucket_interval"`
	// MaxStatsKeysPerTenant and MaxStatsKeys bound the groups of stats that are open at a time. What comes above is counted in overflow groups.
	MaxStatsKeysPerTenant int `mapstructure:"max_stats_keys_per_tenant"`
	MaxStatsKeys          int `mapstructure:"max_stats_keys"`

	// Obfuscation is about values that never leave.
	Obfuscation ObfuscationConfig `mapstructure:"obfuscation"`
}

// ObfuscationConfig is about values that never leave. Those of statements and commands do not in any case.
type ObfuscationConfig struct {
	HTTP HTTPObfuscationConfig `mapstructure:"http"`
}

// HTTPObfuscationConfig is about URLs.
type HTTPObfuscationConfig struct {
	// RemoveQueryString leaves of a query the question mark. User information goes out in any case.
	RemoveQueryString bool `mapstructure:"remove_query_string"`
}

func (c *IncidentsConfig) validate(f *faults) {
	if c.SearchFor <= 0 {
		f.add("incidents::search_for", "must be positive, got %s", c.SearchFor)
	}
	if c.RememberFor < 24*time.Hour {
		f.add("incidents::remember_for", "must be a day at least, got %s: a key that is forgotten can make a second incident", c.RememberFor)
	}
	f.age("incidents", c.MaxAge)
}

// Validate reports every fault at once, each under the key that the operator must edit. What has a Validate of its own (retry, queue,
// http) is checked by the collector.
func (c *Config) Validate() error {
	var f faults
	if c.Credentials == (component.ID{}) {
		f.add("credentials", "name the extension that holds the grants, such as datadogoauth")
	}
	c.Tenant.validate(&f)
	if c.Timeout <= 0 {
		f.add("timeout", "must be positive, got %s", c.Timeout)
	}
	c.validateStop(&f)
	c.validateQueue(&f)
	c.validateShare(&f)
	c.Parking.validate(&f, c.Queue.HasValue() && c.Queue.Get().StorageID != nil)
	validateHTTP(&f, &c.HTTP)
	if _, err := site.NewEndpoints(c.Endpoints); err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			f.add("endpoints", "%s", line)
		}
	}
	if strings.ContainsFunc(c.Hostname, func(r rune) bool { return r <= ' ' || r > '~' }) || len(c.Hostname) > 255 {
		f.add("hostname", "must be a host name")
	}
	oneOf(&f, "resource_host", c.ResourceHost, KeepResourceHost, DropResourceHost)
	if strings.ContainsFunc(c.Integration.Source, func(r rune) bool { return r <= ' ' || r == ',' || r > '~' }) || len(c.Integration.Source) > 100 {
		f.add("integration::source", "must be a word, as it is registered with Datadog")
	}
	c.HostMetadata.validate(&f, c.ResourceHost)
	c.validateIntakes(&f)
	c.Metrics.validate(&f)
	f.compression("logs", c.Logs.Compression)
	f.age("logs", c.Logs.MaxAge)
	c.Traces.validate(&f)
	f.ageBelow("events", c.Events.MaxAge, maxEventAge)
	f.ageBelow("service_checks", c.ServiceChecks.MaxAge, maxCheckAge)
	c.Incidents.validate(&f)
	return errors.Join(f...)
}

func (t *TenantConfig) validate(f *faults) {
	t.validateStrangers(f)
	if t.Fixed == "" && t.MetadataKey == "" && !t.ResourceAttribute {
		f.add("tenant", "nothing names a tenant: set fixed, metadata_key or resource_attribute")
	}
	if t.Fixed != "" {
		if err := intake.CheckTenant(t.Fixed); err != nil {
			f.add("tenant::fixed", "%w", err)
		}
		if len(t.Allowed) > 0 && !slices.Contains(t.Allowed, t.Fixed) {
			f.add("tenant::allowed", "must contain the fixed tenant %q", t.Fixed)
		}
	}
	for i, name := range t.Allowed {
		if err := intake.CheckTenant(name); err != nil {
			f.add(fmt.Sprintf("tenant::allowed::%d", i), "%w", err)
		}
	}
}

// sendsPerTenant is how many queue workers of one signal a single tenant can keep busy: metrics go to series and sketches, traces to spans
// and stats, logs to logs and events. Metrics and logs go to service checks besides, and all of them to host metadata, one request at a
// time.
func (c *Config) sendsPerTenant() int {
	n := 2 * c.MaxSendsPerTenant
	if c.ServiceChecks.Enabled {
		n++
	}
	if c.HostMetadata.Enabled {
		n++
	}
	return n
}

func (c *Config) validateQueue(f *faults) {
	if c.MaxSendsPerTenant <= 0 {
		f.add("max_sends_per_tenant", "must be positive, got %d", c.MaxSendsPerTenant)
	}
	q := c.Queue.Get()
	if q == nil {
		f.add("sending_queue", "must stay enabled: without it one slow customer holds up the senders of all others")
		return
	}
	if q.WaitForResult {
		f.add("sending_queue::wait_for_result", "is not supported, since data can be parked; use sending_queue::storage for data that must survive")
	}
	if least := c.sendsPerTenant(); q.NumConsumers <= least {
		f.add("sending_queue::num_consumers", "must be above twice max_sends_per_tenant (%d), and one more with each of service_checks::enabled and host_metadata::enabled, got %d: data of one signal goes to several intakes, and one customer must not keep all consumers",
			c.MaxSendsPerTenant, q.NumConsumers)
	}
	if q.StorageID != nil && !c.Retry.Enabled {
		f.add("sending_queue::storage", "needs retry_on_failure: without it the queue deletes what could not be sent when the collector stops")
	}
	if b := q.Batch.Get(); b != nil && len(b.Partition.MetadataKeys) > 0 {
		f.add("sending_queue::batch::partition", "must stay empty: batches are always of one tenant")
	}
}

// reservedHeaders are set per tenant or per request; a fixed value would go to every customer.
var reservedHeaders = []string{"dd-api-key", "dd-application-key", "authorization", "host", "cookie", "content-type", "content-encoding", "content-length", "transfer-encoding"}

func validateHTTP(f *faults, h *confighttp.ClientConfig) {
	if h.Endpoint != "" {
		f.add("http::endpoint", "must stay empty: the host follows from each customer's site; see endpoints")
	}
	if h.Auth.HasValue() {
		f.add("http::auth", "must stay empty: each customer's own key is used; see credentials")
	}
	if h.Compression != "" && h.Compression != "none" {
		f.add("http::compression", "must stay empty: see metrics::compression, logs::compression and traces::compression")
	}
	if h.Timeout != 0 {
		f.add("http::timeout", "must stay empty: see timeout")
	}
	if h.Cookies.HasValue() {
		f.add("http::cookies", "must stay empty: customers share no state")
	}
	if h.TLS.Insecure {
		f.add("http::tls::insecure", "must stay false: API keys travel over https only")
	}
	if h.TLS.InsecureSkipVerify {
		f.add("http::tls::insecure_skip_verify", "must stay false: API keys go to verified hosts only; use ca_file for a proxy of your own")
	}
	if v := h.TLS.MinVersion; v == "1.0" || v == "1.1" {
		f.add("http::tls::min_version", "must be 1.2 or 1.3")
	}
	for name := range h.Headers.Iter {
		if slices.Contains(reservedHeaders, strings.ToLower(name)) {
			f.add("http::headers", "must not set %s", name)
		}
	}
}

// The limits of peer tags: keys of meta are cut to 200 bytes, and each key costs time per span.
const maxPeerTags, maxPeerTagBytes = 200, 200

func (t *TracesConfig) validate(f *faults) {
	t.validateNaming(f)
	f.compression("traces", t.Compression)
	f.age("traces", t.MaxAge)
	if len(t.PeerTags) > maxPeerTags {
		f.add("traces::peer_tags", "must not be more than %d, got %d", maxPeerTags, len(t.PeerTags))
	}
	for i, key := range t.PeerTags {
		if key == "" || len(key) > maxPeerTagBytes {
			f.add(fmt.Sprintf("traces::peer_tags::%d", i), "must have 1 to %d bytes, got %d", maxPeerTagBytes, len(key))
		}
	}
	if t.BucketInterval < time.Second || t.BucketInterval > time.Hour {
		f.add("traces::bucket_interval", "must be from 1s to 1h, got %s", t.BucketInterval)
	}
	if t.MaxStatsKeysPerTenant <= 0 {
		f.add("traces::max_stats_keys_per_tenant", "must be positive, got %d", t.MaxStatsKeysPerTenant)
	}
	if t.MaxStatsKeys <= 0 {
		f.add("traces::max_stats_keys", "must be positive, got %d", t.MaxStatsKeys)
	}
}

func (m *MetricsConfig) validate(f *faults) {
	f.compression("metrics", m.Compression)
	f.age("metrics", m.MaxAge)
	if m.MaxAhead < 0 {
		f.add("metrics::max_ahead", "must not be negative, got %s; 0 sends data of any date", m.MaxAhead)
	}
	if m.DeltaTTL <= 0 {
		f.add("metrics::delta_ttl", "must be positive, got %s", m.DeltaTTL)
	}
	if m.MaxSeriesPerTenant <= 0 {
		f.add("metrics::max_series_per_tenant", "must be positive, got %d", m.MaxSeriesPerTenant)
	}
	if m.MaxSeries <= 0 {
		f.add("metrics::max_series", "must be positive, got %d", m.MaxSeries)
	}
	oneOf(f, "metrics::remapping", m.Remapping, metrics.RemapNone, metrics.RemapRuntime, metrics.RemapAll)
	oneOf(f, "metrics::sums::cumulative_monotonic_mode", m.Sums.CumulativeMonotonicMode, metrics.CumulativeToDelta, metrics.CumulativeRawValue)
	oneOf(f, "metrics::sums::initial_cumulative_monotonic_value", m.Sums.InitialCumulativeMonotonicValue, metrics.InitialAuto, metrics.InitialKeep, metrics.InitialDrop)
	oneOf(f, "metrics::histograms::mode", m.Histograms.Mode, metrics.HistogramDistributions, metrics.HistogramCounters, metrics.HistogramNoBuckets)
	if m.Histograms.Mode == metrics.HistogramNoBuckets && !m.Histograms.SendAggregationMetrics {
		f.add("metrics::histograms", "mode nobuckets without send_aggregation_metrics sends nothing")
	}
	m.validateWriters(f)
	oneOf(f, "metrics::summaries::mode", m.Summaries.Mode, metrics.SummaryGauges, metrics.SummaryNoQuantiles)
}

// faults collects what is wrong.
type faults []error

func (f *faults) add(key, format string, args ...any) {
	*f = append(*f, fmt.Errorf(key+": "+format, args...))
}

func (f *faults) compression(section string, c intake.Compression) {
	oneOf(f, section+"::compression", c, intake.Zstd, intake.Gzip, intake.None)
}

func (f *faults) age(section string, d time.Duration) {
	if d < 0 {
		f.add(section+"::max_age", "must not be negative, got %s; 0 sends data of any age", d)
	}
}

// ageBelow checks an age where Datadog answers 400 to what is older than limit.
func (f *faults) ageBelow(section string, d, limit time.Duration) {
	if d <= 0 || d >= limit {
		f.add(section+"::max_age", "must be above 0 and below %s, from where on Datadog refuses the request, got %s", limit, d)
	}
}

func oneOf[T ~string](f *faults, key string, got T, known ...T) {
	if !slices.Contains(known, got) {
		f.add(key, "must be one of %v, got %q", known, string(got))
	}
}

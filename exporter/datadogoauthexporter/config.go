package datadogoauthexporter

import (
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
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
	sends           *sharedSends
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

// IntegrationConfig names the partner's integration.
type IntegrationConfig struct {
	// Source is the ddsource of every log, which picks the integration's log pipeline, and the source of every event.
	Source string `mapstructure:"source"`
}

// LogsConfig is about logs.
type LogsConfig struct {
	// Intake is agent or otlp.
	Intake      IntakeForm         `mapstructure:"intake"`
	Compression intake.Compression `mapstructure:"compression"`
	// MaxAge is how old a log may be when it is sent. Datadog indexes up to 18 hours.
	MaxAge time.Duration `mapstructure:"max_age"`
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

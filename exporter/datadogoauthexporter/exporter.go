package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/hostmetadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/sends"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/traces"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// core is what the exporters of all three signals share: everything behind the mapping.
type core struct {
	set        exporter.Settings
	cfg        *Config
	signal     string
	maxAge     time.Duration
	telemetry  *telemetry
	resolver   *tenancy.Resolver
	hosts      *hostmetadata.Hosts // nil when no host metadata is sent
	watch      *queueWatch
	status     *status
	sends      *sends.Signal
	files      fileHealths
	queue      *queueGuard // set by Start; nil without a storage
	patientFor time.Duration

	// Set by start.
	source     credential.Source
	client     *http.Client
	sending    intake.Settings
	attempts   *attempts      // nil when no events are sent, or the queue has no storage
	parking    *tenancy.Store // nil when the queue has no storage
	dispatcher atomic.Pointer[tenancy.Dispatcher]
	unshow     func() // ends that the holder of grants shows refusals; nil where it does not
	stopping   stopping
}

func newCore(set exporter.Settings, cfg *Config, signal string, maxAge time.Duration) (*core, error) {
	c := &core{set: set, cfg: cfg, signal: signal, maxAge: maxAge, status: &status{after: failingAfter}, sends: cfg.sends.board.Signal(signal), patientFor: patientFor}
	c.files.status, c.files.logger = c.status, set.Logger
	c.watch = &queueWatch{core: c}
	c.resolver = tenancy.NewResolver(tenancy.Rules{
		Fixed: cfg.Tenant.Fixed, MetadataKey: cfg.Tenant.MetadataKey, FromResource: cfg.Tenant.ResourceAttribute, Allowed: cfg.Tenant.Allowed,
		Default: cfg.Tenant.Default,
	})
	c.hosts = cfg.HostMetadata.hosts(set.BuildInfo)
	var err error
	c.telemetry, err = newTelemetry(set, signal, c.parked, c.queued)
	if err != nil {
		return nil, err
	}
	t := c.telemetry
	return c, errors.Join(t.observeRefusals(c.refusals), t.observeFiles(signal, c.files.each), t.observePark(c.dispatcher.Load), t.observeSites(c.dispatcher.Load))
}

// parked and queued are what waits for some intakes at the moment.
func (c *core) parked(families ...intake.Family) (items, bytes int) {
	if d := c.dispatcher.Load(); d != nil {
		return d.Parked(families...)
	}
	return 0, 0
}

func (c *core) queued(families ...intake.Family) (items int) {
	if d := c.dispatcher.Load(); d != nil {
		return d.Queued(families...)
	}
	return 0
}

// options make exporterhelper queue, batch by tenant and retry what converter hands over. How many requests are sent at a time is the dispatcher's
// affair; exporterhelper gets so many workers that there always is one.
func (c *core) options() []exporterhelper.Option {
	queue, retry := c.cfg.Queue, c.cfg.Retry
	if q := queue.Get(); q != nil {
		more := *q
		more.NumConsumers = tenancy.PoolSize(q.NumConsumers)
		queue = configoptional.Some(more)
		if q.StorageID != nil {
			retry.MaxElapsedTime = 0 // the dispatcher ends the retries, by parking; what cannot be parked stays in the queue
		}
	}
	return []exporterhelper.Option{
		exporterhelper.WithTimeout(exporterhelper.TimeoutConfig{}), // none: the sender bounds each body
		exporterhelper.WithRetry(retry),
		xexporterhelper.WithQueueBatch(queue, xexporterhelper.QueueBatchSettings{
			Encoding:    watchedEncoding{intake.Encoding{Unreadable: c.unreadable, Run: intake.NewRun(), Found: c.found}, c.watch},
			Partitioner: partitioner{c},
		}),
	}
}

// found is told of each request that an earlier run left in the queue.
func (c *core) found(r *intake.Request) {
	c.dispatcher.Load().Enqueued(r.Family, r.Count())
	c.telemetry.restored(r.Family, r.Count())
}

// unreadable is told of a request in the queue that cannot be read, and that the queue deletes.
func (c *core) unreadable(stored []byte, err error) {
	c.telemetry.unreadable(err, zap.String("kept_in_the_file_as", c.queue.keep(stored)))
}

// partitioner keeps the batches of tenants apart.
type partitioner struct{ *core }

// GetKey is called by the batcher, once for each request that was read from the queue.
func (p partitioner) GetKey(ctx context.Context, r xexporterhelper.Request) string {
	p.dispatcher.Load().Read(r.(*intake.Request))
	return intake.PartitionKey(ctx, r)
}

// handover carries one request through exporterhelper, whose entry takes pdata and nothing else. The request is taken out at once, so that
// a context which the queue keeps does not keep the request.
type handover struct{ req *intake.Request }

type handoverKey struct{}

// converter is the first step of exporterhelper's chain.
func converter[D any](ctx context.Context, _ D) (xexporterhelper.Request, error) {
	h, ok := ctx.Value(handoverKey{}).(*handover)
	if !ok || h.req == nil {
		return nil, errors.New("no request was handed over")
	}
	req := h.req
	h.req = nil
	return req, nil
}

// push is the last step of exporterhelper's chain, below queue, batcher, retry and timeout.
func (c *core) push(ctx context.Context, r xexporterhelper.Request) error {
	return c.dispatcher.Load().Push(ctx, r)
}

// start finds the extension and builds the client. It waits for no network.
func (c *core) start(ctx context.Context, host component.Host) error {
	ext, ok := host.GetExtensions()[c.cfg.Credentials]
	if !ok {
		return fmt.Errorf("credentials: no extension %q runs; define it under extensions and list it under service::extensions", c.cfg.Credentials)
	}
	c.source, ok = ext.(credential.Source)
	if !ok {
		return fmt.Errorf("credentials: extension %q holds no customers' grants; name an extension of type datadogoauth", c.cfg.Credentials)
	}
	if to, ok := ext.(credential.Settings); ok {
		to.NoteSettings("exporters::"+c.set.ID.String(), c.cfg.settings())
	}
	endpoints, err := site.NewEndpoints(c.cfg.Endpoints)
	if err != nil {
		return fmt.Errorf("endpoints: %w", err)
	}
	if endpoints, err = endpoints.WithPlatform(c.cfg.OTLP.Platform); err != nil {
		return fmt.Errorf("otlp::platform: %w", err)
	}
	if c.client, err = c.cfg.newClient(ctx, host, c.set.TelemetrySettings); err != nil {
		return err
	}
	var noted intake.Attempts
	if c.signal == "logs" && c.cfg.Events.Enabled && !c.cfg.Events.AtLeastOnce {
		if c.attempts = openAttempts(ctx, c.set.Logger, c.openFile(ctx, host, fileAttempts, fileAttempts)); c.attempts != nil {
			noted = c.attempts
		}
	}
	var parked *ownFile
	c.parking, parked = c.openParking(ctx, host)
	version := c.set.BuildInfo.Version
	c.sending = intake.Settings{
		Client:    c.client,
		Endpoints: endpoints,
		UserAgent: "otelcol-datadogoauth/" + version,
		Compression: map[intake.Family]intake.Compression{
			intake.Series: c.cfg.Metrics.Compression, intake.Sketches: c.cfg.Metrics.Compression,
			intake.Logs: c.cfg.Logs.Compression, intake.Traces: c.cfg.Traces.Compression, intake.Stats: c.cfg.Traces.Compression,
			intake.OTLPMetrics: c.cfg.Metrics.Compression, intake.OTLPLogs: c.cfg.Logs.Compression, intake.OTLPTraces: c.cfg.Traces.Compression,
			intake.OTLPTracesOnly: c.cfg.Traces.Compression, intake.PublicSpans: c.cfg.Traces.Compression,
		},
		Headers:       c.cfg.intakeHeaders(version),
		TracesHeader:  traces.AppendHeader(nil, traces.Header{Hostname: c.cfg.Hostname, Env: "none", AgentVersion: "otelcol-datadogoauth-" + version}),
		StatsEnvelope: apmstats.Envelope(apmstats.Header{Hostname: c.cfg.Hostname, AgentVersion: "otelcol-datadogoauth-" + version}),
		AtLeastOnce:   c.cfg.Events.AtLeastOnce,
		Attempts:      noted,
		Timeout:       c.cfg.Timeout,
		MaxWait:       c.maxWait(),
		Observer:      c.telemetry,
		Board:         c.sends,
	}
	sender := intake.NewSender(c.sending)
	queue := c.cfg.Queue.Get()
	limits := c.cfg.Parking.limits(c.parking != nil)
	where := "Data of tenants that cannot take it is parked in memory: no crash leaves anything of it; see sending_queue::storage"
	if c.parking != nil {
		where = "Data of tenants that cannot take it is parked in the storage of the queue"
	}
	var validated func(string, uint64) time.Time
	board, shows := ext.(credential.Refusals)
	if shows {
		validated = board.Validated
	}
	d := tenancy.NewDispatcher(tenancy.Settings{
		Source:    c.source,
		Deliver:   c.status.watch(sender.Send),
		Observer:  c.telemetry,
		Board:     c.sends,
		Logger:    c.set.Logger,
		Retry:     c.cfg.Retry,
		MaxSends:  c.cfg.MaxSendsPerTenant,
		Workers:   queue.NumConsumers,
		Queue:     c.cfg.queueLimits(),
		Park:      limits,
		Strangers: c.cfg.Tenant.strangers(),
		MaxAge:    c.maxAgeOf,
		MaxAhead:  c.maxAheadOf,
		Validated: validated,
		Store:     c.parking,
	})
	c.restore(d, parked)
	for f := range intake.Family(intake.NumFamilies) {
		if items, _ := d.Parked(f); items != 0 {
			c.telemetry.restored(f, items)
		}
	}
	c.dispatcher.Store(d)
	c.cfg.stops.started()
	c.status.start(host)
	d.Start()
	if shows {
		c.unshow = board.ShowRefusals(c.refusals)
	}
	c.cfg.sends.shown(c)
	c.set.Logger.Info(where, zap.Int("max_bytes_per_tenant", limits.PerTenantBytes), zap.Int("max_bytes", limits.TotalBytes))
	return nil
}

// maxAgeOf is how old an item may be when it is sent, 0 for any age.
func (c *core) maxAgeOf(f intake.Family) time.Duration {
	switch f {
	case intake.Events:
		return c.cfg.Events.MaxAge
	case intake.Checks:
		return c.cfg.ServiceChecks.MaxAge
	case intake.HostMetadata:
		return c.cfg.HostMetadata.ReporterPeriod // the next report is due then
	default:
		return c.maxAge
	}
}

// maxAheadOf is how far ahead of the clock an item may be when it is sent, 0 for any. Datadog states a limit for metrics and events, and what is dated
// ahead of it is no event (see internal/events).
func (c *core) maxAheadOf(f intake.Family) time.Duration {
	switch f {
	case intake.Series, intake.Sketches, intake.OTLPMetrics:
		return c.cfg.Metrics.MaxAhead
	default:
		return 0
	}
}

// maxWait keeps a wait that an intake asks for within half of the retry budget.
func (c *core) maxWait() time.Duration {
	if c.cfg.Retry.MaxElapsedTime > 0 {
		return c.cfg.Retry.MaxElapsedTime / 2
	}
	return 5 * time.Minute
}

// org is the organisation that data of a tenant belongs to, as text. Its errors are those of credential.Source.
//
// A tenant whose key is missing, refused or paused keeps its organisation, so its data can be mapped and parked.
func (c *core) org(tenant string) (string, error) {
	if cred, err := c.source.Lookup(tenant); err == nil {
		return cred.OrgText(), nil
	}
	org, err := c.source.Org(tenant)
	if err != nil {
		return "", err
	}
	return org.String(), nil
}

package datadogoauthexporter

import (
	"context"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// NewFactory returns the factory of this exporter.
func NewFactory() exporter.Factory {
	return exporter.NewFactory(
		metadata.Type,
		createDefaultConfig,
		exporter.WithMetrics(createMetrics, metadata.MetricsStability),
		exporter.WithLogs(createLogs, metadata.LogsStability),
		exporter.WithTraces(createTraces, metadata.TracesStability),
	)
}

// forTheWay is how much earlier than at Datadog's limit data expires by default: a request may be several bodies, each of which takes up to Timeout,
// and clocks differ. Datadog drops what arrives too late without a word.
const forTheWay = 5 * time.Minute

func createDefaultConfig() component.Config {
	m := metrics.DefaultOptions()
	return &Config{
		Credentials:            component.NewID(metadata.Type),
		Tenant:                 TenantConfig{WhenUnknown: RejectTenant, WhenNotConnected: RejectTenant, MaxWaiting: defaultMaxWaiting},
		Timeout:                20 * time.Second, // what Datadog's Agent waits
		ShutdownTimeout:        30 * time.Second, // an attempt or two, with three signals
		stops:                  &sharedStop{},
		sends:                  newSharedSends(),
		Retry:                  configretry.NewDefaultBackOffConfig(),
		Queue:                  configoptional.Some(defaultQueue()),
		MaxSendsPerTenant:      2,
		MaxQueueSharePerTenant: defaultQueueShare,
		HTTP:                   defaultHTTP(),
		ResourceHost:           KeepResourceHost,
		// Off, so that the partner's hosts are in nobody's list. The period is that of Datadog's exporter.
		HostMetadata: HostMetadataConfig{ReporterPeriod: 30 * time.Minute, MaxHostsPerTenant: 2_000, MaxHosts: 20_000, known: &sharedHosts{}},
		Metrics: MetricsConfig{
			Intake:              IntakeAgent,
			Compression:         intake.Zstd,
			MaxAge:              time.Hour - forTheWay,
			MaxAhead:            10 * time.Minute,
			ScopeMetadataAsTags: m.ScopeTags,
			Units:               m.Units,
			Remapping:           m.Remapping,
			DeltaTTL:            m.DeltaTTL,
			MaxSeriesPerTenant:  m.MaxSeriesPerTenant,
			MaxSeries:           m.MaxSeries,
			Sums:                SumsConfig{CumulativeMonotonicMode: m.CumulativeMonotonic, InitialCumulativeMonotonicValue: m.InitialValue},
			Histograms:          HistogramsConfig{Mode: m.HistogramMode, SendAggregationMetrics: m.SendAggregations},
			Summaries:           SummariesConfig{Mode: m.SummaryMode},
		},
		Logs: LogsConfig{Intake: IntakeAgent, Compression: intake.Zstd, MaxAge: 18*time.Hour - forTheWay},
		// The trace intake is only known to take gzip. Its window is not documented: logs' is assumed. A group of stats takes about 1 kB.
		Traces: TracesConfig{
			Intake:      IntakeAgent,
			Compression: intake.Gzip, MaxAge: 18*time.Hour - forTheWay,
			ComputeStats: true, ComputeStatsBySpanKind: true, PeerTagsAggregation: true, BucketInterval: 10 * time.Second,
			MaxStatsKeysPerTenant: 10_000, MaxStatsKeys: 100_000,
			Obfuscation: ObfuscationConfig{HTTP: HTTPObfuscationConfig{RemoveQueryString: true}},
		},
		// Whoever names a record an event means one. Datadog answers 400 to an event of 18 hours; the rest is for the way, and for clocks.
		Events: EventsConfig{Enabled: true, MaxAge: 18*time.Hour - forTheWay},
		// Of ten minutes, so that a check is not too old when it arrives.
		ServiceChecks: ServiceChecksConfig{Enabled: true, MaxAge: 9 * time.Minute},
		// Search lags by seconds as a rule. A month is longer than most incidents last.
		Incidents: IncidentsConfig{SearchFor: 10 * time.Minute, RetryWithoutFields: true, RememberFor: 30 * 24 * time.Hour, MaxAge: 24 * time.Hour},
	}
}

// defaultQueue counts bytes, since requests hold encoded data: 64 MiB per signal. A batch leaves at 1 MB or after a second, so that a tenant
// with little data costs about one request a second and intake. The largest, 3 MB, is below what every intake takes uncompressed; the
// sender cuts further where the compressed size counts, as for series.
func defaultQueue() exporterhelper.QueueBatchConfig {
	q := exporterhelper.NewDefaultQueueConfig()
	q.Sizer = exporterhelper.RequestSizerTypeBytes
	q.QueueSize = 64 << 20
	q.NumConsumers = 256 // requests under way cost little: the queue's size bounds their memory, and as many are compressed at a time as there are processors
	q.Batch = configoptional.Some(exporterhelper.BatchConfig{
		FlushTimeout: time.Second,
		Sizer:        exporterhelper.RequestSizerTypeBytes,
		MinSize:      1_000_000,
		MaxSize:      3_000_000,
	})
	return q
}

func createMetrics(ctx context.Context, set exporter.Settings, config component.Config) (exporter.Metrics, error) {
	cfg := config.(*Config)
	c, err := newCore(set, cfg, "metrics", cfg.Metrics.MaxAge)
	if err != nil {
		return nil, err
	}
	next, err := xexporterhelper.NewMetricsRequest(ctx, set, converter, c.push, c.options()...)
	if err != nil {
		return nil, err
	}
	return newMetricsExporter(c, next)
}

func createLogs(ctx context.Context, set exporter.Settings, config component.Config) (exporter.Logs, error) {
	cfg := config.(*Config)
	c, err := newCore(set, cfg, "logs", cfg.Logs.MaxAge)
	if err != nil {
		return nil, err
	}
	next, err := xexporterhelper.NewLogsRequest(ctx, set, converter, c.push, c.options()...)
	if err != nil {
		return nil, err
	}
	return newLogsExporter(c, next), nil
}

func createTraces(ctx context.Context, set exporter.Settings, config component.Config) (exporter.Traces, error) {
	cfg := config.(*Config)
	c, err := newCore(set, cfg, "traces", cfg.Traces.MaxAge)
	if err != nil {
		return nil, err
	}
	next, err := xexporterhelper.NewTracesRequest(ctx, set, converter, c.push, c.options()...)
	if err != nil {
		return nil, err
	}
	return newTracesExporter(c, next)
}

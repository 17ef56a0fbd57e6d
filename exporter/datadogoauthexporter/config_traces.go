package datadogoauthexporter

import (
	"fmt"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

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

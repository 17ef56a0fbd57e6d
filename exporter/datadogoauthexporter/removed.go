package datadogoauthexporter

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/collector/confmap"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

var _ confmap.Unmarshaler = (*Config)(nil)

// removed are keys of Datadog's own exporter that somebody who comes from it may still have, and what replaces them here.
var removed = []struct{ key, instead string }{
	{"api", "remove it: each customer's own key and site are used; see credentials"},
	{"tags", "was removed; put the tags into the attributes of the resource"},
	{"send_metadata", "use host_metadata::enabled"},
	{"use_resource_metadata", "remove it: only resources are asked about their hosts; see host_metadata::enabled"},
	{"host_metadata::hostname_source", "remove it: the collector's own machine is never reported, only hosts of resources with datadog.host.use_as_metadata; for the host of data see hostname and resource_host"},
	{"hostname_detection_timeout", "remove it: no host is detected; see hostname"},
	{"metrics::endpoint", "use endpoints"},
	{"logs::endpoint", "use endpoints"},
	{"traces::endpoint", "use endpoints"},
	{"metrics::send_monotonic_counter", "use metrics::sums::cumulative_monotonic_mode"},
	{"metrics::report_quantiles", "use metrics::summaries::mode"},
	{"metrics::instrumentation_library_metadata_as_tags", "use metrics::instrumentation_scope_metadata_as_tags"},
	{"metrics::histograms::send_count_sum_metrics", "use metrics::histograms::send_aggregation_metrics"},
}

// Unmarshal implements confmap.Unmarshaler. Where Datadog's exporter has a key and this one another, the error names both.
func (c *Config) Unmarshal(conf *confmap.Conf) error {
	var errs []error
	for _, r := range removed {
		if conf.IsSet(r.key) {
			errs = append(errs, fmt.Errorf("%s: %s", r.key, r.instead))
		}
	}
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	if err := conf.Unmarshal(c); err != nil {
		return err
	}
	// Whether it was written can be told here only: its default is a value like the others.
	if conf.IsSet(initialValueKey) && c.Metrics.Sums.CumulativeMonotonicMode == metrics.CumulativeRawValue {
		return fmt.Errorf("%s: remove it, or set metrics::sums::cumulative_monotonic_mode to %s: it says nothing of values that are sent as they are",
			initialValueKey, metrics.CumulativeToDelta)
	}
	return nil
}

const initialValueKey = "metrics::sums::initial_cumulative_monotonic_value"

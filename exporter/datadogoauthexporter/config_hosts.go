package datadogoauthexporter

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/hostmetadata"
)

// HostMetadataConfig is about what resources tell of the hosts that they run on. The machine of the collector is never reported.
type HostMetadataConfig struct {
	// Enabled reports the hosts of resources with datadog.host.use_as_metadata.
	Enabled bool `mapstructure:"enabled"`
	// Tags are added to each host that is reported.
	Tags []string `mapstructure:"tags"`
	// ReporterPeriod is how often a host is reported while it is seen. What changes is reported besides.
	ReporterPeriod time.Duration `mapstructure:"reporter_period"`
	// MaxHostsPerTenant and MaxHosts bound the hosts that are remembered. What comes above is not reported.
	MaxHostsPerTenant int `mapstructure:"max_hosts_per_tenant"`
	MaxHosts          int `mapstructure:"max_hosts"`

	// known is shared by the exporters of all signals that are made of one configuration: a report replaces the one before, so each must
	// say what all of them tell.
	known *sharedHosts
}

// sharedHosts are made once. See HostMetadataConfig.known.
type sharedHosts struct {
	once  sync.Once
	hosts *hostmetadata.Hosts
}

// hosts returns nil when no host metadata is sent.
func (c *HostMetadataConfig) hosts(build component.BuildInfo) *hostmetadata.Hosts {
	if !c.Enabled {
		return nil
	}
	c.known.once.Do(func() {
		c.known.hosts = hostmetadata.New(hostmetadata.Options{
			Period: c.ReporterPeriod, Tags: c.Tags, MaxHostsPerTenant: c.MaxHostsPerTenant, MaxHosts: c.MaxHosts,
			Flavor: build.Command, Version: build.Version,
		})
	})
	return c.known.hosts
}

// maxHostTags bounds the tags that an operator adds, as a host's own are bounded.
const maxHostTags = 100

func (c *HostMetadataConfig) validate(f *faults, of ResourceHost) {
	if c.Enabled && of == DropResourceHost {
		f.add("host_metadata::enabled", "cannot go with resource_host: drop, by which no data has the hosts that would be reported")
	}
	if len(c.Tags) > maxHostTags {
		f.add("host_metadata::tags", "must not be more than %d, got %d", maxHostTags, len(c.Tags))
	}
	for i, tag := range c.Tags {
		if strings.TrimSpace(tag) == "" {
			f.add(fmt.Sprintf("host_metadata::tags::%d", i), "must not be empty")
		}
	}
	if c.ReporterPeriod < hostmetadata.MinPeriod {
		f.add("host_metadata::reporter_period", "must be 5m at least, got %s", c.ReporterPeriod)
	}
	if c.MaxHostsPerTenant <= 0 {
		f.add("host_metadata::max_hosts_per_tenant", "must be positive, got %d", c.MaxHostsPerTenant)
	}
	if c.MaxHosts <= 0 {
		f.add("host_metadata::max_hosts", "must be positive, got %d", c.MaxHosts)
	}
}

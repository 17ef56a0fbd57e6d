package datadogoauthexporter

import (
	"fmt"
	"slices"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
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

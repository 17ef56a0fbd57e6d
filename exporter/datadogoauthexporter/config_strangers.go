package datadogoauthexporter

import (
	"slices"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
)

// TenantPolicy says what becomes of data whose tenant has no organisation.
type TenantPolicy string

// The settings of TenantPolicy.
const (
	RejectTenant TenantPolicy = "reject"
	ParkTenant   TenantPolicy = "park"
)

// defaultMaxWaiting is far above the customers that connect on one day.
const defaultMaxWaiting = 100

func (t *TenantConfig) validateStrangers(f *faults) {
	oneOf(f, "tenant::when_unknown", t.WhenUnknown, RejectTenant, ParkTenant)
	oneOf(f, "tenant::when_not_connected", t.WhenNotConnected, RejectTenant, ParkTenant)
	if t.MaxWaiting <= 0 {
		f.add("tenant::max_waiting", "must be positive, got %d; to park nothing set when_unknown and when_not_connected to reject", t.MaxWaiting)
	}
	if t.Default == "" {
		return
	}
	if err := intake.CheckTenant(t.Default); err != nil {
		f.add("tenant::default", "%w", err)
	}
	if t.Fixed != "" {
		f.add("tenant::default", "must be empty beside fixed, which is the tenant of all data")
	}
	if len(t.Allowed) > 0 && !slices.Contains(t.Allowed, t.Default) {
		f.add("tenant::allowed", "must contain the default tenant %q", t.Default)
	}
}

func (t *TenantConfig) strangers() tenancy.Strangers {
	return tenancy.Strangers{Unknown: t.WhenUnknown == ParkTenant, NotConnected: t.WhenNotConnected == ParkTenant, Tenants: t.MaxWaiting}
}

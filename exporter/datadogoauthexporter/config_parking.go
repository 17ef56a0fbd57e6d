package datadogoauthexporter

import "github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"

// ParkingConfig bounds parked data, per signal, in bytes of encoded data, 16 for each item and, in a storage, 1,024 for each request. When it is
// full, the oldest goes first in lanes in trouble; a tenant that merely sends faster than its intake takes is refused instead.
//
// 0 is the default for where data is parked: disks are larger than memories, and an outage should cost nothing that Datadog would still take.
type ParkingConfig struct {
	MaxBytesPerTenant int `mapstructure:"max_bytes_per_tenant"`
	MaxBytes          int `mapstructure:"max_bytes"`
}

// limits puts in the defaults. stored says that the queue has a storage.
func (c ParkingConfig) limits(stored bool) tenancy.ParkLimits {
	limits := tenancy.ParkLimits{PerTenantBytes: 16 << 20, TotalBytes: 64 << 20}
	if stored {
		limits = tenancy.ParkLimits{PerTenantBytes: 256 << 20, TotalBytes: 1 << 30}
	}
	if c.MaxBytesPerTenant != 0 {
		limits.PerTenantBytes = c.MaxBytesPerTenant
	}
	if c.MaxBytes != 0 {
		limits.TotalBytes = c.MaxBytes
	}
	return limits
}

func (c ParkingConfig) validate(f *faults, stored bool) {
	limits := c.limits(stored)
	if limits.PerTenantBytes < 0 {
		f.add("parking::max_bytes_per_tenant", "must not be negative, got %d", limits.PerTenantBytes)
	}
	if limits.TotalBytes < limits.PerTenantBytes {
		f.add("parking::max_bytes", "must not be below max_bytes_per_tenant (%d), got %d", limits.PerTenantBytes, limits.TotalBytes)
	}
}

package datadogoauthext

import (
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// AuditConfig bounds the record of who changed what.
type AuditConfig struct {
	// Retention is how long a record is kept.
	Retention time.Duration `mapstructure:"retention"`
	// MaxRecords is how many are kept; beyond that the oldest go.
	MaxRecords int `mapstructure:"max_records"`
}

const (
	minAuditRetention = 24 * time.Hour
	minAuditRecords   = 1000
)

func defaultAudit() AuditConfig {
	return AuditConfig{Retention: grant.DefaultAuditRetention, MaxRecords: grant.DefaultAuditRecords}
}

func (c AuditConfig) validate(sendOnly bool, add adder) {
	if sendOnly && c != defaultAudit() {
		add("audit", "without flow this collector changes nothing, and its records are in its log alone: remove it")
		return
	}
	if c.Retention < minAuditRetention {
		add("audit::retention", "must be %s or more, got %s", minAuditRetention, c.Retention)
	}
	if c.MaxRecords < minAuditRecords {
		add("audit::max_records", "must be %d or more, got %d", minAuditRecords, c.MaxRecords)
	}
}

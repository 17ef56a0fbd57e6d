package grant

import (
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/audit"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Keys of the audit that belong to no record of a change; package audit has the others.
const (
	fingerprintAddress = "key"
	settingsAddress    = "settings"
)

// auditRecord is a change as it is stored.
type auditRecord struct{ audit.Record }

func (r auditRecord) address() (store.Kind, string) { return store.KindAudit, audit.Key(r.ID) }
func (auditRecord) owner() string                   { return "" }

// auditIndex says that there is a record of a subject. All that it says is its address.
type auditIndex struct {
	ID string `json:"id"`
}

func (i auditIndex) address() (store.Kind, string) { return store.KindAudit, audit.IndexKey(i.ID) }
func (auditIndex) owner() string                   { return "" }

// auditKey is what fingerprints are made with, the same in every collector and over every rotation of the keysets.
type auditKey struct {
	Secret []byte `json:"secret"` //nolint:gosec // the record is sealed
}

func (auditKey) address() (store.Kind, string) { return store.KindAudit, fingerprintAddress }
func (auditKey) owner() string                 { return "" }

// auditSettings are the settings that were last recorded: values, or the fingerprints of secrets.
type auditSettings struct {
	Values map[string]string `json:"values"`
}

func (auditSettings) address() (store.Kind, string) { return store.KindAudit, settingsAddress }
func (auditSettings) owner() string                 { return "" }

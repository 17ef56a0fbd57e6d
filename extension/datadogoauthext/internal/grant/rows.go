package grant

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// Row is what tenants are searched by. It stands ready for each of them.
type Row struct {
	Tenant  string
	Org     credential.Org // zero for a tenant that never connected
	OrgName string
	State   State
	// Sending says whether data is sent at this moment, Attention whether the facts wait for a person.
	Sending, Attention bool
}

// attention reports whether a fact is one that only a person can change. A key that is not there for a reason was asked for and not given.
// Whoever is disconnected is so on purpose.
func (f Facts) attention(keyReason string) bool {
	switch {
	case f.Hold == HoldUnreadable:
		return true
	case f.Hold == HoldDisconnected:
		return false
	default:
		return f.Token == TokenReauthorise || f.Key == KeyRefused || f.Key == KeyExistsUnknown || f.Key == KeyNone && keyReason != ""
	}
}

// row is that of a tenant, but for Sending. The caller holds view.mu.
func (v *view) row(tenant string, f Facts) Row {
	org := v.grants[tenant].rec.Org
	o := v.orgs[org.String()].rec
	return Row{Tenant: tenant, Org: org, OrgName: o.Name, State: f.State(), Attention: f.attention(o.KeyReason)}
}

// Rows calls yield for each tenant, in order of name, until it returns false. A row is not to be changed. No lock is taken, and names are
// sorted only after a tenant came or went.
func (s *Service) Rows(yield func(*Row) bool) {
	for _, slot := range s.byName() {
		if !yield(&slot.Load().row) {
			return
		}
	}
}

// inOrder is a lookup table in order of the tenants' names.
type inOrder struct {
	of    *lookupTable
	slots []*atomic.Pointer[entry]
}

func (s *Service) byName() []*atomic.Pointer[entry] {
	table := s.table.Load()
	if table == nil {
		return nil
	}
	if known := s.sorted.Load(); known != nil && known.of == table {
		return known.slots
	}
	slots := make([]*atomic.Pointer[entry], 0, len(*table))
	for _, slot := range *table {
		slots = append(slots, slot)
	}
	slices.SortFunc(slots, func(a, b *atomic.Pointer[entry]) int {
		return strings.Compare(a.Load().row.Tenant, b.Load().row.Tenant)
	})
	s.sorted.Store(&inOrder{of: table, slots: slots})
	return slots
}

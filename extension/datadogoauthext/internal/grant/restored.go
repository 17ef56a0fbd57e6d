package grant

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Moved returns records as they belong into another store than the one that they were read from. The versions stay.
//
// A fencing number counts the leases of one store. Another store counts from the start, so a journal that kept its number would
// refuse every holder of a lease there. Records with such a number are sealed again without it; those that do not open, and all
// others, stay byte for byte.
func Moved(records []store.Record, tokens, keys *seal.Keyset) ([]store.Record, error) {
	v := &vault{tokens: tokens, keys: keys}
	moved := slices.Clone(records)
	for i, raw := range moved {
		rec, changed := withoutFence(v, raw)
		if !changed {
			continue
		}
		sealed, err := sealAs(v, rec, raw.Version)
		if err != nil {
			return nil, err
		}
		moved[i] = sealed
	}
	return moved, nil
}

func withoutFence(v *vault, raw store.Record) (rec record, changed bool) {
	switch raw.Kind {
	case store.KindToken:
		if tok, err := open[Token](v, raw); err == nil && tok.Refresh.Fence != 0 {
			tok.Refresh.Fence = 0
			return tok, true
		}
	case store.KindOrg:
		if org, err := open[Org](v, raw); err == nil && org.Mint.Fence != 0 {
			org.Mint.Fence = 0
			return org, true
		}
	case store.KindPending:
		if p, err := open[Pending](v, raw); err == nil && p.Token.Refresh.Fence != 0 {
			p.Token.Refresh.Fence = 0
			return p, true
		}
	case store.KindRevocation:
		if r, err := open[Revocation](v, raw); err == nil && r.Token.Refresh.Fence != 0 {
			r.Token.Refresh.Fence = 0
			return r, true
		}
	}
	return nil, false
}

// MarkRestored returns records with the mark that makes a store begin in quarantine: at is when it is restored, made when
// the backup was taken, zero where that is unknown. A mark that is there already is replaced.
func MarkRestored(records []store.Record, keys *seal.Keyset, at, made time.Time) ([]store.Record, error) {
	mark := Quarantine{RestoredAt: at.UTC().Round(0), BackupMade: made}
	version := uint64(1)
	records = slices.Clone(records)
	records = slices.DeleteFunc(records, func(raw store.Record) bool {
		if raw.Kind != store.KindQuarantine || raw.Key != QuarantineKey {
			return false
		}
		version = raw.Version + 1
		return true
	})
	sealed, err := sealAs(&vault{keys: keys}, mark, version)
	if err != nil {
		return nil, err
	}
	return append(records, sealed), nil
}

// sealAs seals rec for exactly this version.
func sealAs(v *vault, rec record, version uint64) (store.Record, error) {
	kind, key := rec.address()
	plain, err := json.Marshal(rec)
	if err != nil {
		return store.Record{}, fmt.Errorf("encode a %s record: %w", kind, err)
	}
	value, err := v.keyset(kind).Seal(seal.Label{Kind: string(kind), Client: rec.owner(), Key: key, Version: version}, plain)
	if err != nil {
		return store.Record{}, fmt.Errorf("seal a %s record: %w", kind, err)
	}
	return store.Record{Kind: kind, Key: key, Version: version, Value: value}, nil
}

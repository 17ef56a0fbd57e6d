package logs

import (
	"hash/maphash"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// name is what is worked out from the key of a record's attribute. Nothing in it depends on a record or tenant but the key.
type name struct {
	key     []byte
	quoted  []byte // as it stands in an object
	hash    uint64 // of quoted
	meaning meaning
	field   field
	known   bool
}

// names remembers the keys of attributes by their place in the record: most records of a service have the same ones in the same
// order.
type names [64]name

// maxKeptKeyBytes bounds what names holds between records.
const maxKeptKeyBytes = 256

// at is the name of a key at that place of a record that is written into o. It is valid until the next call.
func (ns *names) at(place int, key string, o *object) *name {
	n := &ns[uint(place)%uint(len(ns))]
	if n.known && string(n.key) == key {
		return n
	}
	n.key = append(n.key[:0], key...)
	n.quoted = attributes.AppendJSONString(n.quoted[:0], key)
	n.hash = maphash.Bytes(o.seed, n.quoted)
	n.meaning, n.field = meaningOf(key), fieldOf(n.key)
	n.known = true
	return n
}

// forgetLong drops the keys that are too long to be kept.
func (ns *names) forgetLong() {
	for i := range ns {
		if n := &ns[i]; cap(n.key) > maxKeptKeyBytes || cap(n.quoted) > 2*maxKeptKeyBytes {
			*n = name{}
		}
	}
}

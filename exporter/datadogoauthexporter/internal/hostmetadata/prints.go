package hostmetadata

import (
	"hash/maphash"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// maxScratchBytes is above what usual resources take. A buffer that grew further is left to the garbage collector.
const maxScratchBytes = 64 << 10

// fingerprint tells two resources apart as far as they are read, so that one that said the same before costs nothing more. Of metrics the clock rate
// is not a part.
func (h *Hosts) fingerprint(resource pcommon.Map, metrics pmetric.ScopeMetricsSlice, hasMetrics bool) uint64 {
	scratch, _ := h.scratch.Get().(*[]byte)
	if scratch == nil {
		scratch = new([]byte)
	}
	b := (*scratch)[:0]
	for key, v := range resource.All() {
		if _, isTag := tagKey(key); textField(key) == noField && !isTag && !isOther(key) {
			continue
		}
		b = append(append(b, key...), 0, byte(v.Type()))
		b = append(attributes.AppendValue(b, v), 0)
	}
	if hasMetrics {
		eachMetric(metrics, func(f field, value float64) {
			if f != fieldCPUMHz {
				b = append(appendNumber(append(b, 1, byte(f)), value), 0)
			}
		})
	}
	print := maphash.Bytes(h.seed, b)
	if cap(b) <= maxScratchBytes {
		*scratch = b
		h.scratch.Put(scratch)
	}
	return print
}

// prints are the fingerprints of the last few resources that told what is known of a host: those of several services on it, in turns.
type prints struct {
	last [4]uint64
	next uint8 // place in last
	full bool
}

func (p *prints) has(print uint64) bool {
	n := int(p.next)
	if p.full {
		n = len(p.last)
	}
	for _, other := range p.last[:n] {
		if other == print {
			return true
		}
	}
	return false
}

func (p *prints) add(print uint64) {
	p.last[p.next] = print
	if p.next++; int(p.next) == len(p.last) {
		p.next, p.full = 0, true
	}
}

package datadogoauthexporter

import (
	"sync/atomic"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// room foresees how large the payloads of a call become, from the calls before it, and lends them memory of that size. A payload that starts
// empty and grows while it is appended to is copied several times over, and clears and abandons about five times its size of memory.
//
// The zero room foresees nothing. It is safe for concurrent use; that two calls overwrite each other's figures does no harm.
type room struct {
	memory   intake.Memory
	families [intake.NumFamilies]struct{ bytes, items atomic.Int64 } // per item of a call, times scale
}

const (
	roomScale = 256
	// maxRoomBytes bounds what is set aside for a payload before it is needed.
	maxRoomBytes = 4 << 20
	maxRoomItems = maxRoomBytes / 64
)

// prepare gives empty payloads the memory that so many items will need, and an eighth more.
func (m *room) prepare(payloads []payload, items int) {
	for _, p := range payloads {
		f := &m.families[p.family]
		if n := foreseen(f.bytes.Load(), items, maxRoomBytes); n > 0 && p.Body == nil {
			m.memory.Lend(p.Payload, n, foreseen(f.items.Load(), items, maxRoomItems))
		}
	}
}

func foreseen(perItem int64, items, limit int) int {
	return int(min(perItem*int64(items)*9/8/roomScale, int64(limit)))
}

// learn takes the payloads of a call into the averages.
func (m *room) learn(payloads []payload, items int) {
	if items == 0 {
		return
	}
	for _, p := range payloads {
		f := &m.families[p.family]
		average(&f.bytes, len(p.Body)*roomScale/items)
		average(&f.items, len(p.Items)*roomScale/items)
	}
}

// average moves an average by a quarter of the way.
func average(of *atomic.Int64, value int) {
	old := of.Load()
	of.Store(old + (int64(value)-old)/4)
}

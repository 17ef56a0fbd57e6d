package apmstats

import (
	"bytes"
	"hash/maphash"
	"math"
	"strings"
)

// Tx stages the spans of one tenant and organisation that are mapped together. Exactly one of Commit and Rollback ends it; it must not be used
// after. Use it from one goroutine.
type Tx struct {
	set         *Concentrators
	tenant, org string

	keys   []byte // of payloads and groups, one after another, most of them once
	spans  []staged
	recent [recentGroups]text // of groups, by the end of their hash: most spans are of a group that was just seen

	// Of the chunk that spans are told of.
	payload     text
	payloadHash uint64
	weight      float64
	synthetics  bool
}

// recentGroups is a power of two.
const recentGroups = 256

// text is a part of Tx.keys.
type text struct{ from, to uint32 }

// staged is a span that waits for Commit.
type staged struct {
	payload, group    text
	payloadHash, hash uint64 // hash is of both
	end, duration     int64  // ns
	weight            float64
	topLevel, failed  bool
	tooLarge          bool // for a group of its own
}

// Chunk says what the spans that follow have in common.
func (x *Tx) Chunk(c *Chunk) {
	x.weight, x.synthetics = c.weight(), strings.HasPrefix(c.Origin, "synthetics")
	from := len(x.keys)
	x.keys = appendPayloadKey(x.keys, c, x.set.opts.AgentHost)
	if bytes.Equal(x.of(x.payload), x.keys[from:]) { // as in most requests
		x.keys = x.keys[:from]
		return
	}
	x.payload = text{uint32(from), uint32(len(x.keys))}
	x.payloadHash = maphash.Bytes(x.set.seed, x.keys[from:])
}

// Span stages a span of the chunk, if stats are computed for it.
func (x *Tx) Span(s *Span) {
	kind := lower(s.Kind)
	if !s.counts(kind, x.set.opts.BySpanKind) || len(x.keys) > math.MaxUint32/2 {
		return
	}
	from := len(x.keys)
	x.keys = appendGroupKey(x.keys, s, kind, x.synthetics)
	in := staged{
		payload: x.payload, group: text{uint32(from), uint32(len(x.keys))}, payloadHash: x.payloadHash,
		end: s.Start + s.Duration, duration: s.Duration, weight: x.weight, topLevel: s.TopLevel, failed: s.Failed,
	}
	if in.tooLarge = len(x.keys)-from > maxKeyBytes; in.tooLarge {
		x.keys, in.group.to = x.keys[:from], uint32(from)
	}
	hash := maphash.Bytes(x.set.seed, x.keys[from:])
	in.hash = x.payloadHash*31 ^ hash
	if last := &x.recent[hash%recentGroups]; bytes.Equal(x.of(*last), x.keys[from:]) {
		x.keys, in.group = x.keys[:from], *last
	} else {
		*last = in.group
	}
	x.spans = append(x.spans, in)
}

func (x *Tx) of(t text) []byte { return x.keys[t.from:t.to] }

// Commit counts the staged spans.
func (x *Tx) Commit() {
	if len(x.spans) > 0 {
		x.set.add(x)
	}
	x.Rollback()
}

// Rollback forgets the staged spans.
func (x *Tx) Rollback() {
	set := x.set
	const spanBytes = 80
	if cap(x.keys)+spanBytes*cap(x.spans) > maxPooledBytes {
		return
	}
	*x = Tx{keys: x.keys[:0], spans: x.spans[:0]}
	set.txs.Put(x)
}

// maxPooledBytes is the size above which a transaction's memory is left to the garbage collector.
const maxPooledBytes = 4 << 20

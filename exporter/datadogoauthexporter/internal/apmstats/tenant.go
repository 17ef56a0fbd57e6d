package apmstats

import (
	"bytes"
	"sync"
)

// concentrator holds the open buckets of one tenant and organisation.
type concentrator struct {
	set    *Concentrators
	owner  owner
	number int // how many came before it

	mu      sync.Mutex // guards everything below
	gone    bool       // it is not in the set any more
	oldest  int64      // start of the oldest bucket that takes spans, ns
	buckets []*bucket
	spare   *bucket // empty, with its memory
	keys    int     // groups in all buckets, without those for overflow
	bytes   int     // of their keys
}

// add counts spans and returns how many of them were late or in an overflow group. It returns ok false, and has done nothing, when the
// concentrator is not in use any more.
func (c *concentrator) add(x *Tx, now int64) (late, overflowed int, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return 0, 0, false
	}
	var b *bucket
	var known [knownGroups]knownGroup
	for i := range x.spans {
		s := &x.spans[i]
		start := align(s.end, c.set.opts.BucketInterval)
		if start < c.oldest {
			start = c.oldest
			late++
		}
		if start > now {
			start = max(align(now, c.set.opts.BucketInterval), c.oldest)
		}
		if b == nil || b.start != start {
			b = c.bucket(start)
		}
		k := &known[s.hash%knownGroups]
		if k.group != nil && k.bucket == b && k.of == s.group && k.payload == s.payload {
			k.group.add(s)
			continue
		}
		g := b.find(x, s)
		if g == nil {
			g = c.open(b, x, s)
		}
		if g == nil {
			g = c.overflow(b, x, s)
			overflowed++
		} else {
			*k = knownGroup{b, g, s.payload, s.group}
		}
		g.add(s)
	}
	return late, overflowed, true
}

// knownGroup is a group that a span of the transaction was in. Spans whose keys are the same parts of Tx.keys are in it as well.
type knownGroup struct {
	bucket      *bucket
	group       *group
	payload, of text
}

// knownGroups is a power of two.
const knownGroups = 64

func align(ns, interval int64) int64 { return ns - ns%interval }

func (c *concentrator) bucket(start int64) *bucket {
	for _, b := range c.buckets {
		if b.start == start {
			return b
		}
	}
	b := c.spare
	if c.spare = nil; b == nil {
		b = &bucket{groups: make(map[uint64]*group), payloads: make(map[uint64]*payload)}
	}
	b.start = start
	c.buckets = append(c.buckets, b)
	return b
}

func (b *bucket) find(x *Tx, s *staged) *group {
	for g := b.groups[s.hash]; g != nil; g = g.next {
		if bytes.Equal(g.key, x.of(s.group)) && bytes.Equal(g.payload.key, x.of(s.payload)) {
			return g
		}
	}
	return nil
}

func (b *bucket) findPayload(x *Tx, s *staged) *payload {
	for p := b.payloads[s.payloadHash]; p != nil; p = p.next {
		if bytes.Equal(p.key, x.of(s.payload)) {
			return p
		}
	}
	return nil
}

// open makes a group for s. It returns nil when there is no room for one more.
func (c *concentrator) open(b *bucket, x *Tx, s *staged) *group {
	key, p := x.of(s.group), b.findPayload(x, s)
	size := len(key)
	if p == nil {
		size += int(s.payload.to - s.payload.from)
	}
	if s.tooLarge || c.keys >= c.set.opts.MaxKeysPerTenant || c.bytes+size > c.set.opts.MaxKeysPerTenant*keyBytes || !c.set.reserve(size) {
		return nil
	}
	c.keys++
	c.bytes += size
	if p == nil {
		p = &payload{key: c.payloadKey(x, s), next: b.payloads[s.payloadHash]}
		b.payloads[s.payloadHash] = p
		b.order = append(b.order, p)
	}
	g := c.set.group(p, c.groupKey(x, s))
	g.next = b.groups[s.hash]
	b.groups[s.hash] = g
	p.groups = append(p.groups, g)
	return g
}

// groupKey and payloadKey return the keys of s to keep. Services do the same things from bucket to bucket, so a key that another bucket has is that one: most of
// the memory of a group is its key.
func (c *concentrator) groupKey(x *Tx, s *staged) []byte {
	for _, b := range c.buckets {
		if g := b.find(x, s); g != nil {
			return g.key
		}
	}
	return bytes.Clone(x.of(s.group))
}

func (c *concentrator) payloadKey(x *Tx, s *staged) []byte {
	for _, b := range c.buckets {
		if p := b.findPayload(x, s); p != nil {
			return p.key
		}
	}
	return bytes.Clone(x.of(s.payload))
}

// overflow is the group for spans without room for one of their own: that of their payload, or else that of the bucket.
func (c *concentrator) overflow(b *bucket, x *Tx, s *staged) *group {
	p := b.findPayload(x, s)
	if p == nil {
		if b.overflow == nil {
			b.overflow = &payload{key: appendPayloadKey(nil, &Chunk{}, c.set.opts.AgentHost)}
			b.order = append(b.order, b.overflow)
		}
		p = b.overflow
	}
	if p.overflow == nil {
		p.overflow = c.set.group(p, overflowKey)
		p.groups = append(p.groups, p.overflow)
	}
	return p.overflow
}

// take removes the buckets that start at limit or before, and keeps spans out of them from then on.
func (c *concentrator) take(limit, oldest int64) (due []*bucket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.oldest = max(c.oldest, oldest)
	kept := c.buckets[:0]
	for _, b := range c.buckets {
		if b.start > limit {
			kept = append(kept, b)
			continue
		}
		due = append(due, b)
		keys, size := b.weigh()
		c.keys -= keys
		c.bytes -= size
		c.set.free(keys, size)
	}
	clear(c.buckets[len(kept):])
	c.buckets = kept
	return due
}

// weigh is what open has counted for the groups of b.
func (b *bucket) weigh() (keys, size int) {
	for _, p := range b.order {
		if p != b.overflow {
			size += len(p.key)
		}
		for _, g := range p.groups {
			if g != p.overflow {
				keys++
				size += len(g.key)
			}
		}
	}
	return keys, size
}

// giveBack keeps the memory of a bucket that was taken.
func (c *concentrator) giveBack(b *bucket) {
	for _, p := range b.order {
		for _, g := range p.groups {
			if g.isSmall() {
				g.reset()
				c.set.groups.Put(g)
			}
		}
	}
	clear(b.groups)
	clear(b.payloads)
	clear(b.order)
	*b = bucket{groups: b.groups, payloads: b.payloads, order: b.order[:0]}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spare = b
}

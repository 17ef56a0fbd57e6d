package traces

import (
	"hash/maphash"
	"strings"
	"sync"
)

// sqlCache remembers what obfuscation makes of statements, or of their shapes (see sqlShape), which repeat themselves.
//
// It is bounded by bytes. Each part has two generations: a full one becomes the old one, whose entries come back when they are asked for and
// go with it otherwise. What is remembered depends on nothing but the text, so tenants share it without knowing of each other.
type sqlCache struct {
	seed  maphash.Seed
	parts [16]sqlCachePart
}

type sqlCachePart struct {
	mu         sync.Mutex
	young, old map[uint64]sqlCacheEntry // by hash; guarded by mu
	bytes      int                      // of young, about; guarded by mu
}

// sqlCacheEntry is the one that is remembered of those with its hash.
type sqlCacheEntry struct{ statement, dialect, out string }

const (
	// sqlCacheBytes bounds one generation of one part: 8 MB in all.
	sqlCacheBytes = 256 << 10
	// maxCachedStatement is the longest statement, with the name of its dialect, that is remembered.
	maxCachedStatement = 16 << 10
	// sqlCacheEntryBytes is what an entry costs besides its text.
	sqlCacheEntryBytes = 100
)

func newSQLCache() *sqlCache {
	c := &sqlCache{seed: maphash.MakeSeed()}
	for i := range c.parts {
		c.parts[i].young = make(map[uint64]sqlCacheEntry)
	}
	return c
}

func (c *sqlCache) hash(statement, dialect string) uint64 {
	h := maphash.String(c.seed, statement)
	if dialect != "" {
		h = h*31 ^ maphash.String(c.seed, dialect)
	}
	return h
}

func (c *sqlCache) part(hash uint64) *sqlCachePart { return &c.parts[hash%uint64(len(c.parts))] }

// get finds what is remembered of a statement. hash is that of both.
func (c *sqlCache) get(hash uint64, statement, dialect string) (string, bool) {
	p := c.part(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	if e, ok := p.young[hash]; ok && e.statement == statement && e.dialect == dialect {
		return e.out, true
	}
	if e, ok := p.old[hash]; ok && e.statement == statement && e.dialect == dialect {
		p.add(hash, e)
		return e.out, true
	}
	return "", false
}

// put remembers out. The statement may share the memory of a request or a scratch, so a copy is kept.
func (c *sqlCache) put(hash uint64, statement, dialect, out string) {
	p := c.part(hash)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(hash, sqlCacheEntry{strings.Clone(statement), strings.Clone(dialect), strings.Clone(out)})
}

func (p *sqlCachePart) add(hash uint64, e sqlCacheEntry) {
	if p.bytes >= sqlCacheBytes {
		p.old, p.young, p.bytes = p.young, make(map[uint64]sqlCacheEntry), 0
	}
	p.young[hash] = e
	p.bytes += len(e.statement) + len(e.dialect) + len(e.out) + sqlCacheEntryBytes
}

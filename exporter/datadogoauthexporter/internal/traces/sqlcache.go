package traces

import (
	"hash/maphash"
	"strings"
	"sync"
)

// sqlCache remembers what obfuscation makes of statements, which repeat themselves: tracers send the text with its placeholders mostly.
//
// It is bounded by bytes. Each part has two generations: a full one becomes the old one, whose entries come back when they are asked for and
// go with it otherwise. What is remembered depends on nothing but the text, so tenants share it without knowing of each other.
type sqlCache struct {
	seed  maphash.Seed
	parts [16]sqlCachePart
}

type sqlCachePart struct {
	mu         sync.Mutex
	young, old map[sqlCacheKey]string // guarded by mu
	bytes      int                    // of young, about; guarded by mu
}

type sqlCacheKey struct{ statement, dialect string }

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
		c.parts[i].young = make(map[sqlCacheKey]string)
	}
	return c
}

func (c *sqlCache) part(statement string) *sqlCachePart {
	return &c.parts[maphash.String(c.seed, statement)%uint64(len(c.parts))]
}

func (c *sqlCache) get(statement, dialect string) (string, bool) {
	if len(statement)+len(dialect) > maxCachedStatement {
		return "", false
	}
	key := sqlCacheKey{statement, dialect}
	p := c.part(statement)
	p.mu.Lock()
	defer p.mu.Unlock()
	out, ok := p.young[key]
	if ok {
		return out, true
	}
	if out, ok = p.old[key]; ok {
		p.add(sqlCacheKey{strings.Clone(statement), strings.Clone(dialect)}, out)
	}
	return out, ok
}

// put remembers out. The statement may share the memory of a request or a scratch, so a copy is kept.
func (c *sqlCache) put(statement, dialect, out string) {
	if len(statement)+len(dialect) > maxCachedStatement {
		return
	}
	p := c.part(statement)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.add(sqlCacheKey{strings.Clone(statement), strings.Clone(dialect)}, strings.Clone(out))
}

func (p *sqlCachePart) add(key sqlCacheKey, out string) {
	if p.bytes >= sqlCacheBytes {
		p.old, p.young, p.bytes = p.young, make(map[sqlCacheKey]string), 0
	}
	p.young[key] = out
	p.bytes += len(key.statement) + len(key.dialect) + len(out) + sqlCacheEntryBytes
}

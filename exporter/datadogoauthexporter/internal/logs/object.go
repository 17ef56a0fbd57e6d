package logs

import (
	"bytes"
	"hash/maphash"
	"slices"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// object writes a JSON object, and objects inside its arrays, so that no object has a name twice: a later member replaces an
// earlier one of the same name. Members are written where they end up; one that is replaced is cut out when all is written,
// so an object without a replaced member, the common case, is written once.
//
// The members of all objects under way are found through one hash table, whose cells carry the number of their object. Starting
// anew only raises the lowest number that counts.
type object struct {
	buf       []byte
	seed      maphash.Seed
	members   []member
	table     []cell // a power of two in length, at most half full
	lowest    uint32 // cells of objects below it are free
	last      uint32 // number of the object that was started last
	replaced  []span
	notFinite int // numbers in live members that JSON does not have
}

// member is one name and value in buf: "name":value, with the comma.
type member struct {
	hash      uint64
	start     int // of the name's opening quote
	colon     int
	end       int // after the comma
	notFinite int
}

type cell struct {
	object uint32
	member int32
}

// span is a range of bytes.
type span struct{ start, end int }

func (o *object) init() {
	o.seed = maphash.MakeSeed()
	o.table = make([]cell, 64)
}

// initLike makes o hash as other does, so that the hash of a name serves both.
func (o *object) initLike(other *object) {
	o.seed = other.seed
	o.table = make([]cell, 64)
}

func (o *object) cells() int { return len(o.table) + cap(o.members) + cap(o.replaced) }

// begin starts an object at the end of buf. Its number is the return value of outermost.
func (o *object) begin(buf []byte) {
	o.buf = append(buf, '{')
	o.members = o.members[:0]
	o.replaced = o.replaced[:0]
	o.notFinite = 0
	if o.last > 1<<31 {
		clear(o.table)
		o.last = 0
	}
	o.last++
	o.lowest = o.last
}

// outermost is the number of the object that begin started.
func (o *object) outermost() uint32 { return o.lowest }

// open starts an object as the value at hand. Other objects may stay open meanwhile.
func (o *object) open() uint32 {
	o.buf = append(o.buf, '{')
	o.last++
	return o.last
}

// close ends the object that was opened or begun last.
func (o *object) close() {
	if n := len(o.buf) - 1; o.buf[n] == ',' {
		o.buf[n] = '}'
	} else {
		o.buf = append(o.buf, '}')
	}
}

// name appends a name and returns where it starts and its hash. What follows is unname, or add and a value.
func (o *object) name(name []byte) (start int, hash uint64) {
	start = len(o.buf)
	o.buf = attributes.AppendJSONString(o.buf, name)
	return start, maphash.Bytes(o.seed, o.buf[start:])
}

func (o *object) unname(start int) { o.buf = o.buf[:start] }

// has reports whether the outermost object has a member of this quoted name.
func (o *object) has(hash uint64, quoted []byte) bool {
	_, found := o.find(o.outermost(), hash, quoted)
	return found
}

func (o *object) find(number uint32, hash uint64, quoted []byte) (at int, found bool) {
	mask := len(o.table) - 1
	for at = int(hash) & mask; ; at = (at + 1) & mask {
		c := o.table[at]
		if c.object < o.lowest {
			return at, false
		}
		if c.object != number {
			continue
		}
		if m := &o.members[c.member]; m.hash == hash && bytes.Equal(o.buf[m.start:m.colon], quoted) {
			return at, true
		}
	}
}

// add makes the name that was appended last a member of an open object, in place of one of that name. The value comes next, then
// end with the returned index.
func (o *object) add(number uint32, start int, hash uint64) int {
	if 2*(len(o.members)+1) > len(o.table) {
		o.grow()
	}
	at, found := o.find(number, hash, o.buf[start:])
	if found {
		o.drop(int(o.table[at].member))
	}
	i := len(o.members)
	o.table[at] = cell{object: number, member: int32(i)}
	o.members = append(o.members, member{hash: hash, start: start, colon: len(o.buf), notFinite: o.notFinite})
	o.buf = append(o.buf, ':')
	return i
}

// end closes member i after its value.
func (o *object) end(i int) {
	o.buf = append(o.buf, ',')
	m := &o.members[i]
	m.end = len(o.buf)
	m.notFinite = o.notFinite - m.notFinite
}

// drop takes out member i, which is complete. Where it is not replaced by one of its name, nothing may look for it again.
func (o *object) drop(i int) {
	m := &o.members[i]
	o.replaced = append(o.replaced, span{m.start, m.end})
	o.notFinite -= m.notFinite
}

// grow doubles the table. Cells of earlier objects are left behind.
func (o *object) grow() {
	old := o.table
	o.table = make([]cell, 2*len(old))
	mask := len(o.table) - 1
	for _, c := range old {
		if c.object < o.lowest {
			continue
		}
		at := int(o.members[c.member].hash) & mask
		for o.table[at].object >= o.lowest {
			at = (at + 1) & mask
		}
		o.table[at] = c
	}
}

// finish closes the outermost object, cuts out what was replaced, and returns the whole buffer. finite is false when a number that
// JSON does not have is left in it, and then the object is not JSON.
func (o *object) finish() (buf []byte, finite bool) {
	if len(o.replaced) > 0 {
		first := o.sortReplaced()
		o.buf = o.appendRest(o.buf[:first], first)
	}
	o.close()
	return o.buf, o.notFinite == 0
}

// appendMembers appends the members of the outermost object as they stand between its braces, each with its comma. o is the only
// object in its buffer and stays as it is.
func (o *object) appendMembers(dst []byte) []byte {
	o.sortReplaced()
	return o.appendRest(dst, len("{"))
}

// sortReplaced puts the replaced members in order and returns where the first one starts.
func (o *object) sortReplaced() int {
	if len(o.replaced) == 0 {
		return len(o.buf)
	}
	slices.SortFunc(o.replaced, func(a, b span) int { return a.start - b.start })
	return o.replaced[0].start
}

// appendRest appends what lies in the buffer behind from, without the replaced members. One of these can lie inside another that
// was replaced later. dst may be the buffer itself up to from.
func (o *object) appendRest(dst []byte, from int) []byte {
	for _, gone := range o.replaced {
		if gone.start > from {
			dst = append(dst, o.buf[from:gone.start]...)
		}
		from = max(from, gone.end)
	}
	return append(dst, o.buf[from:]...)
}

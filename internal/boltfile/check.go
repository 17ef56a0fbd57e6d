package boltfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
)

// The form of a file, in the byte order of the machine. Page 0 and 1 are metas, of which the one with the higher transaction counts.
//
//	page          id(8) flags(2) count(2) pages behind it that belong to it(4), elements
//	branch        for each element: offset of the key from here(4) length of the key(4) page(8); keys
//	leaf          for each element: flags(4) offset of the key from here(4) length of the key(4) of the value(4); keys, each with its value behind it
//	bucket        a value: its page, 0 if it is inline(8) sequence(8); the page if it is inline
//	meta          magic(4) version(4) page size(4) flags(4) root page(8) sequence(8) free list(8) pages in use(8) transaction(8) FNV-1a of all before(8)
const (
	headerSize  = 16
	elementSize = 16
	bucketSize  = 16
	metaSize    = 64
	magic       = 0xED0CDAED
	version     = 2
	branchFlag  = 1
	leafFlag    = 2
	bucketFlag  = 1 // of an element of a leaf
	maxKeySize  = 32768
	minPageSize = 1024
	maxPageSize = 1024 << 14
)

// Check says what is wrong with the pages of a file, nil if nothing is. So it does for a file that is missing or empty, which bbolt makes anew, and for one without a
// valid meta page, of which bbolt says so.
func Check(name string) error { return Walk(name, nil) }

// Walk is Check that calls visit, unless it is nil, for each entry of each bucket. What it gave out before it found something wrong may be wrong, too.
func Walk(name string, visit func(bucket, key []byte)) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	return check(f, info.Size(), visit)
}

func check(file io.ReaderAt, size int64, visit func(bucket, key []byte)) error {
	c := &checker{file: file, size: uint64(size), visit: visit}
	root, ok := c.meta()
	if !ok {
		return nil
	}
	c.seen = make([]bool, c.size/c.pageSize)
	return c.pages(nil, root, nil, nil)
}

type checker struct {
	file     io.ReaderAt
	size     uint64 // of the file
	pageSize uint64
	inUse    uint64 // pages below this one are
	seen     []bool // by page
	visit    func(bucket, key []byte)
}

// meta reads the meta pages and returns the root, if one of them is valid.
func (c *checker) meta() (root uint64, ok bool) {
	newest := uint64(0)
	for at := uint64(0); at <= maxPageSize; at = max(2*at, minPageSize) {
		b := make([]byte, headerSize+metaSize)
		if _, err := c.file.ReadAt(b, int64(at)); err != nil {
			break // the file is shorter
		}
		b = b[headerSize:]
		sum := fnv.New64a()
		_, _ = sum.Write(b[:metaSize-8])
		size := uint64(binary.NativeEndian.Uint32(b[8:]))
		if binary.NativeEndian.Uint32(b) != magic || binary.NativeEndian.Uint32(b[4:]) != version || binary.NativeEndian.Uint64(b[56:]) != sum.Sum64() ||
			at != 0 && at != size {
			continue
		}
		if tx := binary.NativeEndian.Uint64(b[48:]); c.pageSize == 0 || tx > newest {
			c.pageSize, c.inUse, newest = size, binary.NativeEndian.Uint64(b[40:]), tx
			root = binary.NativeEndian.Uint64(b[16:])
		}
	}
	return root, c.pageSize >= minPageSize && c.pageSize <= maxPageSize
}

// page is one page with what belongs to it.
type page struct {
	id, at, span uint64
	leaf         bool
	count        uint64
	read         []byte // from at on: all elements, and what happened to be read with them
}

// pages follows a page of a bucket, nil for that of all buckets, and all below it. Their keys are from least on, and below most, where these are not nil.
func (c *checker) pages(bucket []byte, id uint64, least, most []byte) error {
	p, err := c.open(id)
	if err != nil {
		return err
	}
	last := least
	for i := range p.count {
		e := p.read[headerSize+i*elementSize:][:elementSize]
		at := headerSize + i*elementSize
		key, value, err := c.element(p, at, e)
		switch {
		case err != nil:
			return err
		case i > 0 && bytes.Compare(last, key) >= 0, i == 0 && last != nil && bytes.Compare(last, key) > 0, most != nil && bytes.Compare(key, most) >= 0:
			return fmt.Errorf("page %d: key %d is out of order", id, i)
		case p.leaf && binary.NativeEndian.Uint32(e)&bucketFlag != 0:
			if err := c.bucket(key, p, value); err != nil {
				return err
			}
		case p.leaf:
			c.found(bucket, key)
		}
		last = key
	}
	if p.leaf {
		return nil
	}
	for i := range p.count {
		at := headerSize + i*elementSize
		key, _, err := c.element(p, at, p.read[at:][:elementSize])
		if err != nil {
			return err
		}
		next := most
		if i+1 < p.count {
			if next, _, err = c.element(p, at+elementSize, p.read[at+elementSize:][:elementSize]); err != nil {
				return err
			}
		}
		if err := c.pages(bucket, binary.NativeEndian.Uint64(p.read[at+8:]), key, next); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) found(bucket, key []byte) {
	if c.visit != nil {
		c.visit(bucket, key)
	}
}

// open reads a page, of which nobody else may have a part.
func (c *checker) open(id uint64) (*page, error) {
	if id < 2 || id >= c.inUse || id >= c.size/c.pageSize {
		return nil, fmt.Errorf("page %d is asked for, of %d in use", id, c.inUse)
	}
	p := &page{id: id, at: id * c.pageSize, read: make([]byte, c.pageSize)}
	if _, err := c.file.ReadAt(p.read, int64(p.at)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	flags, more := binary.NativeEndian.Uint16(p.read[8:]), uint64(binary.NativeEndian.Uint32(p.read[12:]))
	p.leaf, p.count, p.span = flags == leafFlag, uint64(binary.NativeEndian.Uint16(p.read[10:])), (1+more)*c.pageSize
	switch {
	case binary.NativeEndian.Uint64(p.read) != id:
		return nil, fmt.Errorf("page %d says that it is page %d", id, binary.NativeEndian.Uint64(p.read))
	case flags != branchFlag && flags != leafFlag:
		return nil, fmt.Errorf("page %d is neither branch nor leaf: %#x", id, flags)
	case id+more >= c.inUse || p.at+p.span > c.size || headerSize+p.count*elementSize > p.span || !p.leaf && p.count == 0:
		return nil, fmt.Errorf("page %d has %d elements in %d bytes, which do not fit", id, p.count, p.span)
	}
	for part := id; part <= id+more; part++ {
		if c.seen[part] {
			return nil, fmt.Errorf("page %d is used twice", part)
		}
		c.seen[part] = true
	}
	if table := headerSize + p.count*elementSize; table > uint64(len(p.read)) {
		p.read = make([]byte, table)
		if _, err := c.file.ReadAt(p.read, int64(p.at)); err != nil {
			return nil, fmt.Errorf("page %d: %w", id, err)
		}
	}
	return p, nil
}

// span is a part of a page.
type span struct{ at, length uint64 }

// element reads the key of an element, and where its value is.
func (c *checker) element(p *page, at uint64, e []byte) (key []byte, value span, err error) {
	pos, length, size := binary.NativeEndian.Uint32(e), binary.NativeEndian.Uint32(e[4:]), uint32(0)
	if p.leaf {
		pos, length, size = length, binary.NativeEndian.Uint32(e[8:]), binary.NativeEndian.Uint32(e[12:])
	}
	begin := at + uint64(pos)
	value = span{begin + uint64(length), uint64(size)}
	if length == 0 || length > maxKeySize || begin < headerSize+p.count*elementSize || value.at+value.length > p.span {
		return nil, value, fmt.Errorf("page %d: a key of %d and a value of %d bytes do not fit", p.id, length, size)
	}
	key, err = c.bytes(p, span{begin, uint64(length)})
	return key, value, err
}

// bytes reads a part of a page.
func (c *checker) bytes(p *page, s span) ([]byte, error) {
	if s.at+s.length <= uint64(len(p.read)) {
		return p.read[s.at:][:s.length], nil
	}
	b := make([]byte, s.length)
	if _, err := c.file.ReadAt(b, int64(p.at+s.at)); err != nil {
		return nil, fmt.Errorf("page %d: %w", p.id, err)
	}
	return b, nil
}

// bucket follows a bucket within another one. One that is inline has no pages below it.
func (c *checker) bucket(name []byte, p *page, value span) error {
	if value.length < bucketSize {
		return fmt.Errorf("page %d: a bucket of %d bytes", p.id, value.length)
	}
	b, err := c.bytes(p, value)
	if err != nil {
		return err
	}
	if root := binary.NativeEndian.Uint64(b); root != 0 {
		return c.pages(name, root, nil, nil)
	}
	if len(b) < bucketSize+headerSize {
		return fmt.Errorf("page %d: an inline bucket of %d bytes", p.id, len(b))
	}
	inline := &page{id: p.id, span: uint64(len(b) - bucketSize), read: b[bucketSize:]}
	inline.leaf, inline.count = binary.NativeEndian.Uint16(inline.read[8:]) == leafFlag, uint64(binary.NativeEndian.Uint16(inline.read[10:]))
	if !inline.leaf || headerSize+inline.count*elementSize > inline.span {
		return fmt.Errorf("page %d: an inline bucket is no leaf, or its %d elements do not fit", p.id, inline.count)
	}
	for i := range inline.count {
		at := headerSize + i*elementSize
		key, _, err := c.element(inline, at, inline.read[at:][:elementSize])
		if err != nil {
			return err
		}
		c.found(name, key)
	}
	return nil
}

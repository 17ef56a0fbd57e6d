package intake

import (
	"math/bits"
	"sync"
	"unsafe"
)

// Memory lends arrays to payloads and takes them back, so that data on its way costs the garbage collector nothing. What is not given back is
// left to the collector. The zero Memory works. It is safe for concurrent use.
//
// An array belongs to the payload, then to the request that took the payload over, and comes back when that request is done (Request.Free), is
// merged into another one, or moves to a smaller array. A request that was cut shares its array, which then is never given back.
type Memory struct {
	classes [memoryClasses]sync.Pool // of *loan
}

// loan is a pair of arrays that are lent together.
type loan struct {
	from  *Memory
	body  []byte
	items []Item
}

// An array has the size of a class, or a little more when it grew. There are four classes between a power of two and the next, so that at most a
// fifth of an array lies idle, and none for what is too small to be worth it, or above every body that an intake takes.
const (
	minLentBits   = 12 // 4 KiB
	maxLentBits   = 24 // 16 MiB
	memoryClasses = (maxLentBits - minLentBits) * 4
)

const itemBytes = int(unsafe.Sizeof(Item{}))

// classAbove is the smallest class whose arrays hold n bytes, and their size; it is -1 for what is not lent.
func classAbove(n int) (class, size int) {
	if n <= 1<<minLentBits>>1 || n > 1<<maxLentBits-1<<(maxLentBits-3) {
		return -1, n
	}
	n = max(n, 1<<minLentBits)
	exponent := bits.Len(uint(n)) - 1
	quarter := (n - 1<<exponent + 1<<(exponent-2) - 1) >> (exponent - 2)
	if quarter == 4 {
		exponent, quarter = exponent+1, 0
	}
	return (exponent-minLentBits)*4 + quarter, 1<<exponent + quarter<<(exponent-2)
}

// classBelow is the largest class whose arrays are no larger than n bytes, or -1.
func classBelow(n int) int {
	if n < 1<<minLentBits || n >= 1<<maxLentBits {
		return -1
	}
	exponent := bits.Len(uint(n)) - 1
	return (exponent-minLentBits)*4 + (n-1<<exponent)>>(exponent-2)
}

// Lend gives an empty payload room for so many bytes and items.
func (m *Memory) Lend(p *Payload, bytes, items int) {
	class, size := classAbove(bytes)
	if class < 0 {
		p.Body, p.Items = make([]byte, 0, size), make([]Item, 0, items)
		return
	}
	l, _ := m.classes[class].Get().(*loan)
	if l == nil {
		l = &loan{from: m, body: make([]byte, 0, size)}
	}
	if cap(l.items) < items {
		l.items = make([]Item, 0, items)
	}
	p.Body, p.Items, p.loan = l.body, l.items, l
	l.body, l.items = nil, nil
}

// giveBack ends p.
func (p *Payload) giveBack() {
	if l := p.loan; l != nil {
		if class := classBelow(cap(p.Body)); class >= 0 {
			l.body, l.items = p.Body[:0], p.Items[:0]
			if cap(l.items)*itemBytes > cap(l.body) {
				l.items = nil // items that small are rare
			}
			l.from.classes[class].Put(l)
		}
	}
	*p = Payload{}
}

// move copies p to an array with room for so many bytes, from where its own came from.
func (p *Payload) move(bytes, items int) {
	var to Payload
	if p.loan != nil {
		p.loan.from.Lend(&to, bytes, items)
	} else {
		to.Body, to.Items = make([]byte, 0, bytes), make([]Item, 0, items)
	}
	to.Body, to.Items = append(to.Body, p.Body...), append(to.Items, p.Items...)
	p.giveBack()
	*p = to
}

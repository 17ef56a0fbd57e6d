package delivery

import (
	"bytes"
	"fmt"
)

// ID is the number of one item, from 1. Its text stands in the item.
type ID uint32

const (
	idMark   = "dlvid"
	idDigits = 10
)

func (id ID) String() string { return fmt.Sprintf("%s%0*d", idMark, idDigits, uint32(id)) }

// find calls found for every id in b, as often as it is there.
func find(b []byte, found func(ID)) {
	for {
		i := bytes.Index(b, []byte(idMark))
		if i < 0 {
			return
		}
		b = b[i+len(idMark):]
		if len(b) < idDigits {
			return
		}
		n := uint64(0)
		for _, c := range b[:idDigits] {
			if c < '0' || c > '9' {
				n = 0
				break
			}
			n = 10*n + uint64(c-'0')
		}
		if n > 0 && n <= 1<<32-1 {
			found(ID(n))
		}
	}
}

// idsIn are the ids in b, each once, in order.
func idsIn(b []byte) []ID {
	var ids []ID
	seen := map[ID]bool{}
	find(b, func(id ID) {
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	})
	return ids
}

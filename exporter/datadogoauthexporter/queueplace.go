package datadogoauthexporter

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// placeKey is the key under which exporterhelper's queue (v0.160.0) keeps where it is.
const placeKey = "qmv0"

// queuePlace is what is under that key. The queue numbers its items; the number is an item's key.
//
//	message PersistentMetadata { sfixed64 items_size = 1; sfixed64 bytes_size = 2; fixed64 read_index = 3; fixed64 write_index = 4;
//	  repeated fixed64 currently_dispatched_items = 5; }
type queuePlace struct {
	read, write uint64 // the number of the next item to be taken out, and that of the next one to be stored
}

// maxWaiting is more than any queue holds, whose size is bounded in bytes. The queue tries each number between read and write. It does not go by the queue's
// size, since that may have been made smaller since.
const maxWaiting = 1 << 26

var errPlaceDamaged = errors.New("the place in the queue is damaged")

// readPlace decodes a place strictly: a decoder of protobuf takes a field whose number was damaged for one that it need not know.
func readPlace(b []byte) (p queuePlace, ok bool) {
	seen, dispatched := [6]bool{}, uint64(0) // one more than the highest number that consumers have
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 || field < 1 || field > 5 || seen[field] {
			return p, false
		}
		b, seen[field] = b[n:], true
		if field == 5 && kind == protowire.BytesType {
			packed, n := protowire.ConsumeBytes(b)
			if n < 0 || len(packed)%8 != 0 {
				return p, false
			}
			for ; len(packed) > 0; packed = packed[8:] {
				dispatched = max(dispatched, min(binary.LittleEndian.Uint64(packed), math.MaxUint64-1)+1)
			}
			b = b[n:]
			continue
		}
		value, n := protowire.ConsumeFixed64(b)
		if n < 0 || kind != protowire.Fixed64Type || field == 5 {
			return p, false
		}
		b = b[n:]
		switch field {
		case 3:
			p.read = value
		case 4:
			p.write = value
		}
	}
	return p, p.read <= p.write && p.write-p.read <= maxWaiting && dispatched <= p.write
}

// queueKeys is what is known of a queue's file before it is opened: its keys, where the storage has files that can be read.
type queueKeys struct {
	items   int    // requests
	highest uint64 // number of one
	older   bool   // an earlier version of exporterhelper kept the place under other keys
}

// see takes in a key.
func (k *queueKeys) see(key []byte) {
	if number, err := strconv.ParseUint(string(key), 10, 64); err == nil {
		k.items++
		k.highest = max(k.highest, number)
	}
	k.older = k.older || string(key) == "wi"
}

// judge says what is wrong with the place of the queue, nil if there is nothing: without one the queue begins at 0, and with a wrong one somewhere
// else, over what is there.
func (k *queueKeys) judge(place []byte) error {
	p, ok := readPlace(place)
	switch {
	case len(place) == 0 && (k.items == 0 || k.older):
		return nil
	case len(place) == 0:
		return fmt.Errorf("the place in the queue is missing, and there are %d requests", k.items)
	case !ok:
		return errPlaceDamaged
	case k.items > 0 && k.highest >= p.write:
		return fmt.Errorf("%w: it is before request %d", errPlaceDamaged, k.highest)
	}
	return nil
}

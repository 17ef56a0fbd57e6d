package isolation

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// field says what to do with one field of a message.
type field struct {
	name string
	// leaf takes a value that is no message. Of packed numbers it gets each.
	leaf func(*Checker, value)
	of   *schema // of a message
	// bytes is how the numbers of a packed field are written.
	bytes packing
}

// value is a field as it is on the wire.
type value struct {
	number uint64 // a varint, or the bits of fixed64 or fixed32
	text   []byte
}

func (v value) double() float64 { return math.Float64frombits(v.number) }

type packing uint8

const (
	notPacked packing = iota
	packedVarint
	packedFixed64
)

// schema has the fields of a message by their number. A field that is not there is none that the product sends.
type schema struct {
	fields map[protowire.Number]field
	// enter is called with the content of each message.
	enter func(*Checker, []byte)
}

var errNotProto = errors.New("not a protobuf message")

// message takes all fields of b into account.
func (c *Checker) message(s *schema, b []byte) {
	if s.enter != nil {
		s.enter(c, b)
	}
	for len(b) > 0 && c.err == nil {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			c.fail(errNotProto)
			return
		}
		b = b[n:]
		v, n := consume(kind, b)
		if n < 0 {
			c.fail(errNotProto)
			return
		}
		b = b[n:]
		f, ok := s.fields[number]
		if !ok {
			c.fail(fmt.Errorf("field %d is unknown", number))
			return
		}
		c.enter(f.name)
		c.field(f, kind, v)
		c.leave()
	}
}

func consume(kind protowire.Type, b []byte) (v value, n int) {
	switch kind {
	case protowire.VarintType:
		v.number, n = protowire.ConsumeVarint(b)
	case protowire.Fixed64Type:
		v.number, n = protowire.ConsumeFixed64(b)
	case protowire.Fixed32Type:
		var u uint32
		u, n = protowire.ConsumeFixed32(b)
		v.number = uint64(u)
	case protowire.BytesType:
		v.text, n = protowire.ConsumeBytes(b)
	default:
		n = -1
	}
	return v, n
}

func (c *Checker) field(f field, kind protowire.Type, v value) {
	switch {
	case f.of != nil && kind == protowire.BytesType:
		c.message(f.of, v.text)
	case f.of != nil:
		c.fail(errNotProto)
	case f.bytes == notPacked || kind != protowire.BytesType:
		f.leaf(c, v)
	default:
		for b := v.text; len(b) > 0 && c.err == nil; {
			var each value
			n := -1
			if f.bytes == packedVarint {
				each.number, n = protowire.ConsumeVarint(b)
			} else if len(b) >= 8 {
				each.number, n = binary.LittleEndian.Uint64(b), 8
			}
			if n < 0 {
				c.fail(errNotProto)
				return
			}
			f.leaf(c, each)
			b = b[n:]
		}
	}
}

// The kinds of leaves.
func asText(c *Checker, v value)    { c.text(string(v.text)) }
func asCount(c *Checker, v value)   { c.count(v.number) }
func asDouble(c *Checker, v value)  { c.double(v.double()) }
func asSize(c *Checker, v value)    { c.size(v.double()) }
func asSeconds(c *Checker, v value) { c.seconds(int64(v.number)) }
func asNanos(c *Checker, v value)   { c.nanos(int64(v.number)) }
func asID(c *Checker, v value)      { c.id(v.number) }

// asPlain is a number that cannot tell: a type, a flag, a priority.
func asPlain(*Checker, value) {}

// asParent is an id, 0 for none.
func asParent(c *Checker, v value) {
	if v.number != 0 {
		c.id(v.number)
	}
}

// asIDBytes is an id of OTLP, of one or two numbers.
func asIDBytes(c *Checker, v value) {
	for b := v.text; len(b) >= 8; b = b[8:] {
		c.id(binary.BigEndian.Uint64(b))
	}
}

// entry is an entry of a map: its key in field 1, its value in field 2. leaf takes the value, and gets the key.
func entry(leaf func(c *Checker, key string, v value)) *schema {
	return &schema{
		enter: func(c *Checker, b []byte) {
			k, v := pair(b)
			c.enter(k)
			c.text(k)
			leaf(c, k, v)
			c.leave()
		},
		fields: map[protowire.Number]field{1: {name: "key", leaf: asPlain}, 2: {name: "value", leaf: asPlain}},
	}
}

// pair reads an entry. What is no message has no key, which is no word.
func pair(b []byte) (key string, v value) {
	var ignored Checker
	eachField(&ignored, b, func(number protowire.Number, each value) {
		if number == 1 {
			key = string(each.text)
		} else {
			v = each
		}
	})
	return key, v
}

// eachField calls yield for the fields of a message.
func eachField(c *Checker, b []byte, yield func(protowire.Number, value)) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			c.fail(errNotProto)
			return
		}
		b = b[n:]
		v, n := consume(kind, b)
		if n < 0 {
			c.fail(errNotProto)
			return
		}
		b = b[n:]
		yield(number, v)
	}
}

// named notes the name of a series, which is in a field of its message, and whether it says that its texts name nobody.
func named(field protowire.Number) func(*Checker, []byte) {
	return func(c *Checker, b []byte) {
		c.series = ""
		eachField(c, b, func(number protowire.Number, v value) {
			if number == field {
				c.series = string(v.text)
			}
		})
		c.bare = strings.HasPrefix(c.series, "bare.")
	}
}

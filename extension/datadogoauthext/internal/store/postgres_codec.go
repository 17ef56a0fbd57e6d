package store

import (
	"encoding/binary"
	"fmt"
)

// param is a parameter of a statement: a value in the binary format of its type. The type goes with it, so that the server never takes
// the bytes for another one. No parameter is NULL.
type param struct {
	oid   uint32
	value []byte
}

// Object identifiers of built-in types, which are the same in every server.
//
// https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
const (
	oidBool       = 16
	oidBytea      = 17
	oidInt8       = 20
	oidText       = 25
	oidByteaArray = 1001
	oidTextArray  = 1009
	oidInt8Array  = 1016
)

// binaryFormat is the format of all parameters, or of all columns.
var binaryFormat = []int16{1}

func pgBool(b bool) param {
	value := []byte{0}
	if b {
		value[0] = 1
	}
	return param{oidBool, value}
}

func pgInt(n int64) param { return param{oidInt8, binary.BigEndian.AppendUint64(nil, uint64(n))} }

func pgText(s string) param { return param{oidText, []byte(s)} }

// pgBytes keeps b, and sends nil as no bytes.
func pgBytes(b []byte) param {
	if b == nil {
		b = []byte{}
	}
	return param{oidBytea, b}
}

func pgInts(values []int64) param {
	array := appendArrayHead(make([]byte, 0, 20+12*len(values)), oidInt8, len(values))
	for _, n := range values {
		array = binary.BigEndian.AppendUint32(array, 8)
		array = binary.BigEndian.AppendUint64(array, uint64(n))
	}
	return param{oidInt8Array, array}
}

func pgTexts(values []string) param { return param{oidTextArray, appendArray(oidText, values)} }

func pgByteas(values [][]byte) param { return param{oidByteaArray, appendArray(oidBytea, values)} }

func appendArray[T string | []byte](oid uint32, values []T) []byte {
	size := 20
	for _, value := range values {
		size += 4 + len(value)
	}
	array := appendArrayHead(make([]byte, 0, size), oid, len(values))
	for _, value := range values {
		array = binary.BigEndian.AppendUint32(array, uint32(len(value)))
		array = append(array, value...)
	}
	return array
}

// appendArrayHead appends what comes before the elements, each of which is its length and its bytes.
//
//	int32 dimensions, int32 whether there are NULLs, int32 type of the elements; for each dimension: int32 length, int32 first index
//
// https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/arrayfuncs.c, array_recv
func appendArrayHead(dst []byte, oid uint32, length int) []byte {
	dimensions := uint32(1)
	if length == 0 {
		dimensions = 0
	}
	dst = binary.BigEndian.AppendUint32(dst, dimensions)
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, oid)
	if dimensions == 0 {
		return dst
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(length))
	return binary.BigEndian.AppendUint32(dst, 1)
}

// row is one row of a result, in binary format; a nil column is NULL. It is valid until the next one is read.
type row [][]byte

// scan copies the columns to dest: *bool of a boolean, *int64 or *uint64 of a bigint, *string of a text, *[]byte of a bytea, where nil
// is NULL. Every other NULL, and whatever else the statement should not have returned, is ErrCorrupt.
func (r row) scan(dest ...any) error {
	if len(r) != len(dest) {
		return fmt.Errorf("%w: the database returned %d columns instead of %d", ErrCorrupt, len(r), len(dest))
	}
	for i, column := range r {
		if !scanColumn(column, dest[i]) {
			return fmt.Errorf("%w: column %d of what the database returned, %d bytes, is not a %T", ErrCorrupt, i+1, len(column), dest[i])
		}
	}
	return nil
}

func scanColumn(column []byte, dest any) bool {
	if to, ok := dest.(*[]byte); ok {
		*to = nil
		if column != nil {
			*to = append([]byte{}, column...)
		}
		return true
	}
	if column == nil {
		return false
	}
	switch to := dest.(type) {
	case *bool:
		if len(column) != 1 {
			return false
		}
		*to = column[0] != 0
	case *int64:
		if len(column) != 8 {
			return false
		}
		*to = int64(binary.BigEndian.Uint64(column))
	case *uint64:
		if len(column) != 8 || column[0] > 0x7f { // negative
			return false
		}
		*to = binary.BigEndian.Uint64(column)
	case *string:
		*to = string(column)
	default:
		return false
	}
	return true
}

package metrics

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"math/bits"
)

// seriesID names one cumulative series: 128 bits, the sum of the keyed hashes of its parts (every tag, the metric name with
// its suffix, the host, the origin id, the tenant). A sum has no order, so the order of tags does not matter; it does
// count, so a tag that occurs twice does.
type seriesID struct{ a, b uint64 }

func (s seriesID) plus(o seriesID) seriesID { return seriesID{s.a + o.a, s.b + o.b} }

// part separates the name spaces of what is hashed: a tag "x" and a host "x" are different parts.
type part uint64

const (
	partTag part = iota + 1
	partName
	partHost
	partOrigin
	partTenant
	partBounds
	partStay
)

// hashKey is the secret of the hashes. It is random, so nobody outside can choose tags that collide. The hash is not a
// cryptographic one: it need not be, since what collides collides inside one tenant's own series.
type hashKey [6]uint64

func newHashKey() *hashKey {
	var seed [48]byte
	_, _ = rand.Read(seed[:]) // crypto/rand.Read never fails
	k := new(hashKey)
	for i := range k {
		k[i] = binary.LittleEndian.Uint64(seed[8*i:])
	}
	return k
}

// sum hashes p in two lanes with separate secrets, each a chain of 64×64→128 bit multiplications over 16 bytes at a time.
func (k *hashKey) sum(kind part, p []byte) seriesID {
	n := uint64(len(p))
	a, b := k[0]^uint64(kind), k[1]
	for len(p) > 16 {
		x, y := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])
		a, b = fold(x^k[2], y^a), fold(y^k[3], x^b)
		p = p[16:]
	}
	var x, y uint64
	switch l := len(p); {
	case l >= 8:
		x, y = binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[l-8:])
	case l >= 4:
		x, y = uint64(binary.LittleEndian.Uint32(p)), uint64(binary.LittleEndian.Uint32(p[l-4:]))
	case l > 0:
		x = uint64(p[0])<<16 | uint64(p[l/2])<<8 | uint64(p[l-1])
	}
	a, b = fold(x^k[2], y^a), fold(y^k[3], x^b)
	return seriesID{fold(a^k[4], n^k[1]), fold(b^k[5], n^k[0]^uint64(kind))}
}

// bounds hashes the bounds of a histogram bucket. Zero has two bit patterns and NaN many; each counts as one.
func (k *hashKey) bounds(lower, upper float64) seriesID {
	x, y := canonicalBits(lower), canonicalBits(upper)
	a, b := fold(x^k[2], y^k[0]^uint64(partBounds)), fold(y^k[3], x^k[1])
	return seriesID{fold(a^k[4], k[1]), fold(b^k[5], k[0]^uint64(partBounds))}
}

func canonicalBits(f float64) uint64 {
	switch {
	case f == 0:
		return 0
	case f != f:
		return math.Float64bits(math.NaN())
	}
	return math.Float64bits(f)
}

func fold(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

package metrics

import (
	"math"
	"strconv"
)

// appendNumberText appends a quantile or a bucket bound as Datadog writes it in a tag: whole numbers end in ".0" (also
// behind an exponent), infinities are inf and -inf, zero is 0.
func appendNumberText(dst []byte, f float64) []byte {
	switch {
	case math.IsInf(f, 1):
		return append(dst, "inf"...)
	case math.IsInf(f, -1):
		return append(dst, "-inf"...)
	case f != f:
		return append(dst, "nan"...)
	case f == 0:
		return append(dst, '0')
	}
	dst = strconv.AppendFloat(dst, f, 'g', -1, 64)
	if f == math.Floor(f) {
		dst = append(dst, ".0"...)
	}
	return dst
}

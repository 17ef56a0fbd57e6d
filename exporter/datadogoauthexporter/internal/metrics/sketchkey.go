package metrics

import "math"

// The parameters of Datadog's agent sketch: bins grow by gamma, and key 1 is the bin of sketchMin.
// Source: datadog-agent, pkg/util/quantile (default configuration).
const (
	sketchGamma  = 1 + 2.0/128
	sketchBias   = 1338
	maxKey       = math.MaxInt16 - 1 // the largest finite key
	infKey       = math.MaxInt16
	maxBins      = 4096
	maxBinCount  = math.MaxUint16
	maxSketchCnt = maxBins * maxBinCount // observations that one sketch can hold
)

// These are values that Go computes at start, with the same library functions as the agent, so that they are equal to the
// last bit.
var (
	sketchGammaLn = math.Log1p(2.0 / 128)
	sketchMin     = math.Pow(sketchGamma, 1-sketchBias)
	binLows       = func() (lows [4096]float64) { // of keys that ordinary values have
		for k := 1; k < len(lows); k++ {
			lows[k] = math.Pow(sketchGamma, float64(k-sketchBias))
		}
		return lows
	}()
)

// sketchKey is the key of the bin of v: 0 below sketchMin, negative for negative values, ±infKey out of range.
//
// Infinity and NaN have no key. They get that of the smallest value, as the agent does on amd64, where the conversion of
// an infinite float to an integer is the smallest integer.
func sketchKey(v float64) int {
	switch {
	case v < 0:
		return -sketchKey(-v)
	case v < sketchMin: // 0 included
		return 0
	case math.IsInf(v, 1) || v != v:
		return 1
	}
	return min(max(int(math.RoundToEven(math.Log(v)/sketchGammaLn))+sketchBias, 1), infKey)
}

// finiteKey is sketchKey with what is out of range put into the outermost finite bin.
func finiteKey(v float64) int { return min(max(sketchKey(v), -maxKey), maxKey) }

// binLow is the lower bound of the bin of a finite key, in absolute value.
func binLow(key int) float64 {
	switch {
	case key < 0:
		return -binLow(-key)
	case key < len(binLows):
		return binLows[key]
	}
	return math.Pow(sketchGamma, float64(key-sketchBias))
}

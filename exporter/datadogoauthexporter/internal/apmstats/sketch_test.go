package apmstats_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
)

// reference counts durations in a map, and puts what is more than 2048 bins below the last into one.
func reference(durations []int64) sketched {
	s := sketched{Bins: make(map[int]float64)}
	last := 0
	for _, ns := range durations {
		if ns == 0 {
			s.Zeros++
			continue
		}
		rough := math.Float64frombits(math.Float64bits(float64(ns)) &^ (1<<43 - 1))
		index := int(math.Log(rough) / math.Log(1.01/0.99))
		s.Bins[index]++
		last = max(last, index)
	}
	for index, n := range s.Bins {
		if first := last - 2047; index < first {
			delete(s.Bins, index)
			s.Bins[first] += n
		}
	}
	return s
}

func TestSketchCountsEveryDuration(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		durations := make([]int64, rnd.IntN(300))
		shift := rnd.IntN(63)
		for i := range durations {
			durations[i] = int64(rnd.Uint64() >> 1 >> rnd.IntN(shift+1))
		}
		got, err := decodeSketch(apmstats.SketchOf(durations...))
		if want := reference(durations); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%d: got %v, want %v; %v", durations, got, want, err)
		}
	}
}

func TestTheLowestBinsAreOne(t *testing.T) {
	t.Parallel()
	durations := []int64{1, 2, 0, 1 << 62, 1<<63 - 1}
	got, err := decodeSketch(apmstats.SketchOf(durations...))
	want := sketched{Zeros: 1, Bins: map[int]float64{136: 2, 2148: 1, 2183: 1}}
	if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(reference(durations), want) {
		t.Errorf("got %v, want %v; %v", got, want, err)
	}
}

package intake

import (
	"maps"
	"math"
	"time"

	"github.com/DataDog/agent-payload/v5/gogen"
)

// sketchesDoor is POST api.<site>/api/beta/sketches, the Agent's way to send distributions.
// Limits: the payload sizes that the Agent keeps to.
var sketchesDoor = door{
	kind:     KindSketches,
	media:    []string{"application/x-protobuf"},
	zstd:     true,
	maxSent:  2_621_440,
	maxPlain: 4_194_304,
	refuse:   answerErrors,
	store:    storeSketches,
}

const (
	maxBinCount = math.MaxUint16 // the Agent repeats a key rather than count further
	maxBinKey   = math.MaxInt16  // the key of infinity
)

// sketchPoint is a cell of the sketch grid.
type sketchPoint struct {
	cnt           int64
	min, max, sum float64
	bins          map[int32]uint64 // observations by key
	sent          *gogen.SketchPayload_Sketch
	arrived       time.Time
}

func storeSketches(c *call) (any, error) {
	var p gogen.SketchPayload
	if err := p.Unmarshal(c.body); err != nil {
		return nil, badRequest("the body is not a SketchPayload: %v", err)
	}
	if n := unknownInSketches(&p); n > 0 {
		return nil, badRequest("the SketchPayload has %d B in fields that its definition does not know", n)
	}
	total := 0
	for i := range p.Sketches {
		if err := checkSketch(&p.Sketches[i]); err != nil {
			return nil, err
		}
		total += len(p.Sketches[i].Dogsketches)
	}
	c.org.write(KindSketches, total, func() {
		for i := range p.Sketches {
			c.org.addSketch(&p.Sketches[i], c.now)
		}
	})
	return noErrors, nil
}

func unknownInSketches(p *gogen.SketchPayload) int {
	unknown := len(p.XXX_unrecognized) + len(p.Metadata.XXX_unrecognized)
	for i := range p.Sketches {
		s := &p.Sketches[i]
		unknown += len(s.XXX_unrecognized) + unknownInMetadata(s.Metadata)
		for j := range s.Dogsketches {
			unknown += len(s.Dogsketches[j].XXX_unrecognized)
		}
	}
	return unknown
}

func checkSketch(s *gogen.SketchPayload_Sketch) error {
	if err := checkMetricName(s.Metric); err != nil {
		return err
	}
	if err := checkText("host or tag of "+s.Metric, append([]string{s.Host}, s.Tags...)...); err != nil {
		return err
	}
	if len(s.Distributions) > 0 {
		return badRequest("sketch %s: the old distributions form is not taken; send dogsketches", s.Metric)
	}
	if len(s.Dogsketches) == 0 {
		return badRequest("sketch %s: no dogsketches", s.Metric)
	}
	for i := range s.Dogsketches {
		if err := checkDogsketch(s.Metric, &s.Dogsketches[i]); err != nil {
			return err
		}
	}
	return nil
}

// checkDogsketch checks what holds for every sketch of the Agent: k ascending and parallel to n, n adding up to cnt.
func checkDogsketch(metric string, d *gogen.SketchPayload_Sketch_Dogsketch) error {
	if len(d.K) != len(d.N) {
		return badRequest("sketch %s: %d keys but %d counts", metric, len(d.K), len(d.N))
	}
	var observations uint64
	for i, n := range d.N {
		if n == 0 || n > maxBinCount {
			return badRequest("sketch %s: bin count %d is not in 1–%d", metric, n, maxBinCount)
		}
		if d.K[i] < -maxBinKey || d.K[i] > maxBinKey {
			return badRequest("sketch %s: bin key %d is out of range", metric, d.K[i])
		}
		if i > 0 && d.K[i] < d.K[i-1] {
			return badRequest("sketch %s: bin key %d after %d; keys must ascend", metric, d.K[i], d.K[i-1])
		}
		observations += uint64(n)
	}
	if observations == 0 {
		return badRequest("sketch %s: no observations", metric)
	}
	for _, v := range []float64{d.Min, d.Max, d.Avg, d.Sum} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return badRequest("sketch %s: min, max, avg or sum is %v", metric, v)
		}
	}
	// That cnt is the sum of the bins, and min not above max, is not asked for: Datadog's own translator sends sketches of OTLP histograms
	// that break both (a bound as max, bins that fell left out), and Datadog takes them.
	return nil
}

// addSketch keeps the sketches inside the window; those of one second merge. The caller holds the lock.
func (o *org) addSketch(s *gogen.SketchPayload_Sketch, now time.Time) {
	id := o.seriesID(KindSketches, s.Metric, s.Host, s.Tags)
	for i := range s.Dogsketches {
		d := &s.Dogsketches[i]
		if !o.inMetricWindow(KindSketches, s.Metric, d.Ts, now) {
			continue
		}
		p := sketchPoint{d.Cnt, d.Min, d.Max, d.Sum, make(map[int32]uint64, len(d.K)), s, now}
		for j, k := range d.K {
			p.bins[k] += uint64(d.N[j])
		}
		isNew, evicted := o.sketches.put(id, d.Ts, p, mergeSketches)
		o.accepted.Sketches++
		if isNew {
			o.counts.Sketches++
		}
		o.drops.add(KindSketches, DropEvicted, "", evicted)
	}
}

// mergeSketches adds p to old bin by bin. old's map may be held by a reader, so it is copied.
func mergeSketches(old, p sketchPoint) sketchPoint {
	bins := maps.Clone(old.bins)
	for k, n := range p.bins {
		bins[k] += n
	}
	return sketchPoint{old.cnt + p.cnt, min(old.min, p.min), max(old.max, p.max), old.sum + p.sum, bins, p.sent, p.arrived}
}

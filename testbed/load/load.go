package load

import (
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"
)

// Signal is what a load consists of: metrics, logs or traces.
type Signal string

// The signals of OTLP.
const (
	Metrics Signal = "metrics"
	Logs    Signal = "logs"
	Traces  Signal = "traces"
)

// Signals are all of them.
var Signals = []Signal{Metrics, Logs, Traces}

// Load is a number of requests of equal size. Not safe for concurrent use but by its own Send.
type Load struct {
	Signal   Signal
	Number   uint8 // in its marks; the seed, as far as it fits
	Requests int
	Items    int // of one request: data points, log records or spans
	Bytes    int // of all requests, uncompressed
	// First is how many items of a request start a cumulative series in the first round. They have no difference to a point before, and where
	// a series is known to be older than the process that receives it Datadog's rules send nothing.
	First int

	requests []*request
}

// Build encodes the requests of a load. items must be a multiple of ItemsStep.
func Build(m Mix, s Signal, requests, items int, seed uint64) (*Load, error) {
	if step := m.ItemsStep(s); items <= 0 || requests <= 0 || items%step != 0 {
		return nil, fmt.Errorf("load: %d requests of %d items: the items of one request of %s must be a multiple of %d", requests, items, s, step)
	}
	if requests > maxRequests {
		return nil, fmt.Errorf("load: %d requests: a mark tells %d apart", requests, maxRequests)
	}
	l := &Load{Signal: s, Number: uint8(seed), Requests: requests, Items: items, requests: make([]*request, requests)}
	first := seed << 32
	for i := range requests {
		b := &builder{rand: rand.New(rand.NewPCG(seed, uint64(i))), load: l.Number, laps: s != Metrics} //nolint:gosec // the same load for the same seed
		var message proto.Message
		switch s {
		case Metrics:
			message = b.metrics(m.Metrics, items, i)
			l.First = m.Metrics.firsts(items)
		case Logs:
			message = b.logs(items, i)
		case Traces:
			message = b.traces(m.Traces, items, i)
		default:
			return nil, fmt.Errorf("load: there is no signal %q", s)
		}
		body, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
		if err != nil {
			return nil, err
		}
		if l.requests[i], err = b.request(body, first); err != nil {
			return nil, err
		}
		first += uint64(len(b.slots))
		l.Bytes += len(body)
	}
	return l, nil
}

// ItemsStep is of what the items of a request must be a multiple, so that the mix comes out exactly.
func (m Mix) ItemsStep(s Signal) int {
	switch s {
	case Metrics:
		step := 1
		for _, share := range []int{m.Metrics.Gauge, m.Metrics.CumulativeSum, m.Metrics.Histogram, m.Metrics.ExponentialHistogram} {
			for share*step%100 != 0 {
				step++
			}
		}
		return step * m.Metrics.PointsPerMetric
	case Traces:
		return m.Traces.SpansPerTrace
	default:
		return 1
	}
}

// mark names a sending of request i that was rendered at a time.
func (l *Load) mark(i int, round uint64, rendered time.Time) Mark {
	m := Mark{Load: l.Number, Request: uint32(i), Round: uint32(round % 100_000_000)} //nolint:gosec // checked by Build
	if l.Signal == Metrics {
		m.Round = uint32(rendered.Unix()) //nolint:gosec // until 2106
	}
	return m
}

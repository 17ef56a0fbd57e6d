package sink

import (
	"bytes"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"time"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// decoder counts items. It is not safe for concurrent use.
type decoder struct {
	zstd  *zstd.Decoder
	gzip  *gzip.Reader
	plain []byte
	found func(m load.Mark, items []load.Item) // told of the marks in a body; nil asks for none
	now   time.Time                            // when the body arrived
	lapse int                                  // points of the body that Datadog does not keep

	seed maphash.Seed
	of   load.Mark   // whose seen are
	seen []load.Item // in a row, not told yet
}

// levels are the fields that lead to an item, any of the numbers on each level.
type levels [][]protowire.Number

// form is how the bodies of a path are made. What is at the first of the levels is of one request.
type form struct {
	levels
	// whole is the number of the level whose content, with the place in it, tells an item from the others of its request. It is the last one where an
	// item alone does: a point has no name.
	whole int
	// seconds is the field of an item with its time, and unit how many of it a second has. 0 where marks tell the round themselves.
	seconds protowire.Number
	unit    uint64
}

var paths = map[string]form{
	"/api/v2/series":     {levels: levels{{1}, {4}}, whole: 0, seconds: 2, unit: 1},                                // MetricPayload.series.points
	"/api/beta/sketches": {levels: levels{{1}, {7}}, whole: 0, seconds: 1, unit: 1},                                // SketchPayload.sketches.dogsketches
	"/api/v0.2/traces":   {levels: levels{{5}, {6}, {3}}, whole: 2},                                                // AgentPayload.tracerPayloads.chunks.spans
	"/v1/logs":           {levels: levels{{1}, {2}, {2}}, whole: 2},                                                // LogsData.resource_logs.scope_logs.log_records
	"/v1/traces":         {levels: levels{{1}, {2}, {2}}, whole: 2},                                                // TracesData.resource_spans.scope_spans.spans
	"/v1/metrics":        {levels: levels{{1}, {2}, {2}, {5, 7, 9, 10, 11}, {1}}, whole: 2, seconds: 3, unit: 1e9}, // MetricsData.resource_metrics.scope_metrics.metrics.<data>.data_points
}

// items counts what a body holds. The error says that it is none of its path.
func (d *decoder) items(path, encoding string, sent []byte) (items, hits int, err error) {
	plain, err := d.decompress(encoding, sent)
	if err != nil {
		return 0, 0, err
	}
	defer d.tell()
	switch f, ok := paths[path]; {
	case ok:
		items, err = d.countBody(plain, f)
		return items, 0, err
	case path == "/api/v2/logs":
		items, err = countElements(plain, d.foundIn)
		return items, 0, err
	case path == "/api/v0.2/stats":
		hits, err = countHits(plain)
		return 0, hits, err
	default:
		return 0, 0, errors.New("the sink does not know this path")
	}
}

// decompress returns the content, which is valid until the next call.
func (d *decoder) decompress(encoding string, sent []byte) (plain []byte, err error) {
	switch encoding {
	case "":
		return sent, nil
	case "zstd":
		if d.zstd == nil {
			if d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBody)); err != nil {
				return nil, err
			}
		}
		d.plain, err = d.zstd.DecodeAll(sent, d.plain[:0])
		return d.plain, err
	case "gzip":
		if d.gzip == nil {
			d.gzip = new(gzip.Reader)
		}
		if err := d.gzip.Reset(bytes.NewReader(sent)); err != nil {
			return nil, err
		}
		out := bytes.NewBuffer(d.plain[:0])
		_, err = out.ReadFrom(io.LimitReader(d.gzip, maxBody))
		d.plain = out.Bytes()
		return d.plain, err
	default:
		return nil, fmt.Errorf("content encoding %q", encoding)
	}
}

// countBody counts the items of a body, and tells whose they are.
func (d *decoder) countBody(message []byte, f form) (n int, err error) {
	err = each(message, f.levels[0], func(part []byte) error {
		m, marked := load.FindMark(part)
		w := walk{form: f, keep: marked && d.found != nil, seed: d.seed, items: d.seen}
		if err := w.into(part, 0); err != nil {
			return err
		}
		n += w.n
		if w.n > 0 && f.seconds > 0 && !d.keeps(number(w.first, f.seconds)/f.unit) {
			d.lapse += w.n
		}
		if w.keep && w.n > 0 {
			if f.seconds > 0 {
				m.Round = uint32(number(w.first, f.seconds) / f.unit) //nolint:gosec // until 2106
			}
			d.add(m, w.items)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// The window of metric points, relative to the arrival: Datadog drops without a word what is out of it.
const (
	metricPast   = time.Hour
	metricFuture = 10 * time.Minute
)

// keeps says that Datadog keeps a point of a time, in Unix seconds.
func (d *decoder) keeps(seconds uint64) bool {
	age := d.now.Sub(time.Unix(int64(seconds), 0)) //nolint:gosec // until 2106
	return age <= metricPast && age >= -metricFuture
}

// add notes items of a request, at the end of those that were seen before it.
func (d *decoder) add(m load.Mark, items []load.Item) {
	if before := len(d.seen); before > 0 && m != d.of {
		d.found(d.of, items[:before])
		items = items[:copy(items, items[before:])]
	}
	d.of, d.seen = m, items
}

// tell ends a row of items of one request.
func (d *decoder) tell() {
	if len(d.seen) > 0 {
		d.found(d.of, d.seen)
	}
	d.seen = d.seen[:0]
}

// foundIn tells whose an object of JSON is.
func (d *decoder) foundIn(object []byte) {
	if d.found == nil {
		return
	}
	if m, ok := load.FindMark(object); ok {
		d.add(m, append(d.seen, load.Item(maphash.Bytes(d.seed, object))))
	}
}

// walk counts the submessages at the end of the levels of a form.
type walk struct {
	form
	keep  bool
	seed  maphash.Seed
	whole load.Item // the next item
	n     int
	first []byte
	items []load.Item
}

// into looks at what is at a level.
func (w *walk) into(message []byte, level int) error {
	if w.keep && level == w.form.whole {
		w.whole = load.Item(maphash.Bytes(w.seed, message))
	}
	if level == len(w.levels)-1 {
		if w.n++; w.first == nil {
			w.first = message
		}
		if w.keep {
			w.items = append(w.items, w.whole)
			w.whole++
		}
		return nil
	}
	return each(message, w.levels[level+1], func(inner []byte) error { return w.into(inner, level+1) })
}

// each calls fn for the submessages of any of the numbers.
func each(message []byte, numbers []protowire.Number, fn func([]byte) error) error {
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(number, kind, message[tag:])
		if size < 0 {
			return protowire.ParseError(size)
		}
		value := message[tag : tag+size]
		message = message[tag+size:]
		if kind != protowire.BytesType || !has(numbers, number) {
			continue
		}
		inner, _ := protowire.ConsumeBytes(value)
		if err := fn(inner); err != nil {
			return err
		}
	}
	return nil
}

// number is a varint or a fixed64 of a message, 0 without one.
func number(message []byte, field protowire.Number) uint64 {
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		size := protowire.ConsumeFieldValue(number, kind, message[max(tag, 0):])
		if tag < 0 || size < 0 {
			return 0
		}
		if number == field && kind == protowire.VarintType {
			v, _ := protowire.ConsumeVarint(message[tag:])
			return v
		}
		if number == field && kind == protowire.Fixed64Type {
			v, _ := protowire.ConsumeFixed64(message[tag:])
			return v
		}
		message = message[tag+size:]
	}
	return 0
}

func has(numbers []protowire.Number, number protowire.Number) bool {
	for _, n := range numbers {
		if n == number {
			return true
		}
	}
	return false
}

var errNotArray = errors.New("the body is not one JSON array of objects")

// countElements counts the objects of a JSON array, and calls fn for each. It follows strings and brackets, and looks at nothing else.
func countElements(array []byte, fn func(object []byte)) (n int, err error) {
	array = bytes.TrimSpace(array)
	if len(array) < 2 || array[0] != '[' {
		return 0, errNotArray
	}
	depth, begin := 0, 0
	for i := 0; i < len(array); i++ {
		switch array[i] {
		case '[', '{':
			if depth == 1 {
				n++
				begin = i
			}
			depth++
		case ']', '}':
			if depth--; depth == 0 && i < len(array)-1 {
				return 0, errNotArray
			}
			if depth == 1 {
				fn(array[begin : i+1])
			}
		case '"':
			for i++; i < len(array) && array[i] != '"'; i++ {
				if array[i] == '\\' {
					i++
				}
			}
		}
	}
	if depth != 0 {
		return 0, errNotArray
	}
	return n, nil
}

// countHits adds up the hits of all groups in a StatsPayload.
func countHits(message []byte) (hits int, err error) {
	var p pb.StatsPayload
	if _, err := p.UnmarshalMsg(message); err != nil {
		return 0, err
	}
	for _, client := range p.Stats {
		for _, bucket := range client.GetStats() {
			for _, group := range bucket.Stats {
				hits += int(group.Hits) //nolint:gosec // a count of what a benchmark sent
			}
		}
	}
	return hits, nil
}

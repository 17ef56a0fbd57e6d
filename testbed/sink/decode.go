package sink

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"
)

// decoder counts items. The zero decoder is ready; it is not safe for concurrent use.
type decoder struct {
	zstd  *zstd.Decoder
	gzip  *gzip.Reader
	plain []byte
}

// levels are the fields that lead to an item, any of the numbers on each level.
type levels [][]protowire.Number

var paths = map[string]levels{
	"/api/v2/series":     {{1}, {4}},                              // MetricPayload.series.points
	"/api/beta/sketches": {{1}, {7}},                              // SketchPayload.sketches.dogsketches
	"/api/v0.2/traces":   {{5}, {6}, {3}},                         // AgentPayload.tracerPayloads.chunks.spans
	"/v1/logs":           {{1}, {2}, {2}},                         // LogsData.resource_logs.scope_logs.log_records
	"/v1/traces":         {{1}, {2}, {2}},                         // TracesData.resource_spans.scope_spans.spans
	"/v1/metrics":        {{1}, {2}, {2}, {5, 7, 9, 10, 11}, {1}}, // MetricsData.resource_metrics.scope_metrics.metrics.<data>.data_points
}

// items counts what a body holds. The error says that it is none of its path.
func (d *decoder) items(path, encoding string, sent []byte) (items, hits int, err error) {
	plain, err := d.decompress(encoding, sent)
	if err != nil {
		return 0, 0, err
	}
	switch l, ok := paths[path]; {
	case ok:
		items, err = countFields(plain, l)
		return items, 0, err
	case path == "/api/v2/logs":
		items, err = countElements(plain)
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

// countFields counts the submessages at the end of the levels.
func countFields(message []byte, l levels) (n int, err error) {
	for len(message) > 0 {
		number, kind, tag := protowire.ConsumeTag(message)
		if tag < 0 {
			return 0, protowire.ParseError(tag)
		}
		size := protowire.ConsumeFieldValue(number, kind, message[tag:])
		if size < 0 {
			return 0, protowire.ParseError(size)
		}
		value := message[tag : tag+size]
		message = message[tag+size:]
		if kind != protowire.BytesType || !has(l[0], number) {
			continue
		}
		if len(l) == 1 {
			n++
			continue
		}
		inner, _ := protowire.ConsumeBytes(value)
		below, err := countFields(inner, l[1:])
		if err != nil {
			return 0, err
		}
		n += below
	}
	return n, nil
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

// countElements counts the objects of a JSON array. It follows strings and brackets, and looks at nothing else.
func countElements(array []byte) (n int, err error) {
	array = bytes.TrimSpace(array)
	if len(array) < 2 || array[0] != '[' {
		return 0, errNotArray
	}
	depth := 0
	for i := 0; i < len(array); i++ {
		switch array[i] {
		case '[', '{':
			if depth == 1 {
				n++
			}
			depth++
		case ']', '}':
			if depth--; depth == 0 && i < len(array)-1 {
				return 0, errNotArray
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

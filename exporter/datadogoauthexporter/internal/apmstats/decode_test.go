package apmstats_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// clientStats is a decoded ClientStatsPayload with its one bucket.
type clientStats struct {
	Env, Hostname, Version, ContainerID, GitCommitSha, Lang, Service string
	Start, Duration                                                  uint64
	Groups                                                           []groupedStats
	Split                                                            bool
}

// groupedStats is a decoded ClientGroupedStats.
type groupedStats struct {
	Service, Name, Resource, Type, Kind, GRPC, Source string
	HTTP                                              uint64
	Hits, Errors, Duration, TopLevelHits              uint64
	Synthetics                                        bool
	Root                                              uint64
	Peers                                             []string
	Ok, Failed                                        sketched
}

// sketched is a decoded DDSketch.
type sketched struct {
	Zeros float64
	Bins  map[int]float64
}

// decodeItems reads items that follow one another.
func decodeItems(b []byte) (all []clientStats, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("not msgpack: %v", r)
		}
	}()
	for len(b) > 0 {
		split := b[0] == 0xdf
		v, rest := msgpack(b)
		b = rest
		m := v.(map[string]any)
		if err := sameKeys(m, "Hostname Env Version Stats Lang TracerVersion RuntimeID Sequence AgentAggregation Service ContainerID Tags GitCommitSha ImageTag ProcessTagsHash ProcessTags"); err != nil {
			return nil, err
		}
		buckets := m["Stats"].([]any)
		if len(buckets) != 1 {
			return nil, fmt.Errorf("%d buckets", len(buckets))
		}
		bucket := buckets[0].(map[string]any)
		if err := sameKeys(bucket, "Start Duration Stats AgentTimeShift"); err != nil {
			return nil, err
		}
		c := clientStats{
			m["Env"].(string), m["Hostname"].(string), m["Version"].(string), m["ContainerID"].(string), m["GitCommitSha"].(string), m["Lang"].(string),
			m["Service"].(string), bucket["Start"].(uint64), bucket["Duration"].(uint64), nil, split,
		}
		for _, g := range bucket["Stats"].([]any) {
			group, err := decodeGroup(g.(map[string]any))
			if err != nil {
				return nil, err
			}
			c.Groups = append(c.Groups, group)
		}
		all = append(all, c)
	}
	return all, nil
}

func decodeGroup(m map[string]any) (g groupedStats, err error) {
	if err := sameKeys(m, "Service Name Resource HTTPStatusCode Type DBType Hits Errors Duration OkSummary ErrorSummary Synthetics TopLevelHits SpanKind PeerTags IsTraceRoot GRPCStatusCode HTTPMethod HTTPEndpoint srv_src SpanDerivedPrimaryTags AdditionalMetricTags"); err != nil {
		return g, err
	}
	g = groupedStats{
		Service: m["Service"].(string), Name: m["Name"].(string), Resource: m["Resource"].(string), Type: m["Type"].(string), Kind: m["SpanKind"].(string),
		GRPC: m["GRPCStatusCode"].(string), Source: m["srv_src"].(string), HTTP: m["HTTPStatusCode"].(uint64),
		Hits: m["Hits"].(uint64), Errors: m["Errors"].(uint64), Duration: m["Duration"].(uint64), TopLevelHits: m["TopLevelHits"].(uint64),
		Synthetics: m["Synthetics"].(bool), Root: m["IsTraceRoot"].(uint64),
	}
	for _, tag := range m["PeerTags"].([]any) {
		g.Peers = append(g.Peers, tag.(string))
	}
	if g.Ok, err = decodeSketch(m["OkSummary"].([]byte)); err == nil {
		g.Failed, err = decodeSketch(m["ErrorSummary"].([]byte))
	}
	return g, err
}

func sameKeys(m map[string]any, names string) error {
	n := 0
	for _, name := range splitWords(names) {
		n++
		if _, ok := m[name]; !ok {
			return fmt.Errorf("no key %s", name)
		}
	}
	if n != len(m) {
		return fmt.Errorf("%d keys, want %d", len(m), n)
	}
	return nil
}

func splitWords(s string) (words []string) {
	for from, i := 0, 0; i <= len(s); i++ {
		if i == len(s) || s[i] == ' ' {
			words = append(words, s[from:i])
			from = i + 1
		}
	}
	return words
}

// msgpack reads one value. It panics on what is none.
func msgpack(b []byte) (any, []byte) {
	take := func(n int) []byte {
		part := b[:n]
		b = b[n:]
		return part
	}
	number := func(n int) uint64 {
		var whole [8]byte
		copy(whole[8-n:], take(n))
		return binary.BigEndian.Uint64(whole[:])
	}
	list := func(n uint64) (any, []byte) {
		all := []any{}
		for range n {
			var v any
			v, b = msgpack(b)
			all = append(all, v)
		}
		return all, b
	}
	object := func(n uint64) (any, []byte) {
		all := make(map[string]any, n)
		for range n {
			var k, v any
			k, b = msgpack(b)
			v, b = msgpack(b)
			all[k.(string)] = v
		}
		return all, b
	}
	switch c := take(1)[0]; {
	case c < 0x80:
		return uint64(c), b
	case c < 0x90:
		return object(uint64(c & 15))
	case c < 0xa0:
		return list(uint64(c & 15))
	case c < 0xc0:
		return string(take(int(c & 31))), b
	case c == 0xc2 || c == 0xc3:
		return c == 0xc3, b
	case c >= 0xc4 && c <= 0xc6:
		return take(int(number(1 << (c - 0xc4)))), b
	case c >= 0xcc && c <= 0xcf:
		return number(1 << (c - 0xcc)), b
	case c >= 0xd9 && c <= 0xdb:
		return string(take(int(number(1 << (c - 0xd9))))), b
	case c == 0xdd:
		return list(number(4))
	case c == 0xde:
		return object(number(2))
	case c == 0xdf:
		return object(number(4))
	default:
		panic(fmt.Sprintf("type 0x%x", c))
	}
}

func decodeSketch(b []byte) (s sketched, err error) {
	s.Bins = make(map[int]float64)
	err = fields(b, func(num protowire.Number, v []byte, fixed uint64, _ uint64) error {
		switch num {
		case 1:
			return fields(v, func(num protowire.Number, _ []byte, fixed, _ uint64) error {
				if gamma := math.Float64frombits(fixed); num != 1 || math.Abs(gamma-1.01/0.99) > 1e-12 {
					return fmt.Errorf("mapping field %d: %v", num, gamma)
				}
				return nil
			})
		case 2:
			return s.store(v)
		case 3:
			if len(v) != 0 {
				return errors.New("negative durations")
			}
		case 4:
			s.Zeros = math.Float64frombits(fixed)
		default:
			return fmt.Errorf("sketch field %d", num)
		}
		return nil
	})
	return s, err
}

func (s *sketched) store(b []byte) error {
	var counts []float64
	offset := 0
	err := fields(b, func(num protowire.Number, v []byte, _, varint uint64) error {
		switch num {
		case 2:
			for ; len(v) >= 8; v = v[8:] {
				counts = append(counts, math.Float64frombits(binary.LittleEndian.Uint64(v)))
			}
		case 3:
			offset = int(protowire.DecodeZigZag(varint))
		default:
			return fmt.Errorf("store field %d", num)
		}
		return nil
	})
	for i, n := range counts {
		if n != 0 {
			s.Bins[offset+i] = n
		}
	}
	return err
}

func fields(b []byte, each func(num protowire.Number, bytes []byte, fixed, varint uint64) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		var v []byte
		var fixed, varint uint64
		switch typ {
		case protowire.BytesType:
			v, n = protowire.ConsumeBytes(b)
		case protowire.Fixed64Type:
			fixed, n = protowire.ConsumeFixed64(b)
		default:
			varint, n = protowire.ConsumeVarint(b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := each(num, v, fixed, varint); err != nil {
			return err
		}
	}
	return nil
}

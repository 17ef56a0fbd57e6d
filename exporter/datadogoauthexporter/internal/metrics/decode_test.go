package metrics_test

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// decodedSeries is a MetricSeries as a golden file shows it.
type decodedSeries struct {
	Metric    string            `json:"metric"`
	Type      string            `json:"type"`
	Resources map[string]string `json:"resources,omitempty"`
	Tags      []string          `json:"tags,omitempty"`
	Unit      string            `json:"unit,omitempty"`
	Interval  int64             `json:"interval,omitempty"`
	Timestamp int64             `json:"timestamp"`
	Value     float64           `json:"value"`
	Origin    decodedOrigin     `json:"origin"`
}

// decodedSketch is a Sketch with its only Dogsketch.
type decodedSketch struct {
	Metric    string        `json:"metric"`
	Host      string        `json:"host,omitempty"`
	Tags      []string      `json:"tags,omitempty"`
	Timestamp int64         `json:"timestamp"`
	Count     int64         `json:"count"`
	Min       float64       `json:"min"`
	Max       float64       `json:"max"`
	Avg       float64       `json:"avg"`
	Sum       float64       `json:"sum"`
	Keys      []int         `json:"keys"`
	Counts    []int         `json:"counts"`
	Origin    decodedOrigin `json:"origin"`
}

type decodedOrigin struct {
	Product uint64 `json:"product"`
	Service uint64 `json:"service,omitempty"`
}

// field is one field of a message: v of a varint or fixed64, b of a length-delimited one.
type field struct {
	num protowire.Number
	v   uint64
	b   []byte
}

// fields takes a message apart. Wire types other than the three that the intake's messages use are an error.
func fields(b []byte) ([]field, error) {
	var out []field
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, protowire.ParseError(n)
		}
		b = b[n:]
		f := field{num: num}
		switch typ {
		case protowire.VarintType:
			f.v, n = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			f.v, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			f.b, n = protowire.ConsumeBytes(b)
		default:
			return nil, fmt.Errorf("field %d has wire type %d", num, typ)
		}
		if n < 0 {
			return nil, fmt.Errorf("field %d: %w", num, protowire.ParseError(n))
		}
		b = b[n:]
		out = append(out, f)
	}
	return out, nil
}

// decodeAll decodes every element of the repeated field 1 in body.
func decodeAll[T any](body []byte, decode func([]byte) (T, error)) ([]T, error) {
	fs, err := fields(body)
	if err != nil {
		return nil, err
	}
	var out []T
	for i, f := range fs {
		if f.num != 1 || f.b == nil {
			return nil, fmt.Errorf("element %d is field %d", i, f.num)
		}
		v, err := decode(f.b)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		out = append(out, v)
	}
	return out, nil
}

func decodeSeries(b []byte) (s decodedSeries, err error) {
	fs, err := fields(b)
	if err != nil {
		return s, err
	}
	for _, f := range fs {
		switch f.num {
		case 1:
			sub, err := fields(f.b)
			if err != nil || len(sub) != 2 || sub[0].num != 1 || sub[1].num != 2 {
				return s, fmt.Errorf("resource %q: %v", f.b, err)
			}
			if s.Resources == nil {
				s.Resources = make(map[string]string)
			}
			s.Resources[string(sub[0].b)] = string(sub[1].b)
		case 2:
			s.Metric = string(f.b)
		case 3:
			s.Tags = append(s.Tags, string(f.b))
		case 4:
			sub, err := fields(f.b)
			if err != nil {
				return s, err
			}
			for _, p := range sub {
				if p.num == 1 {
					s.Value = math.Float64frombits(p.v)
				} else {
					s.Timestamp = int64(p.v)
				}
			}
		case 5:
			s.Type = [...]string{"unspecified", "count", "rate", "gauge"}[f.v]
		case 6:
			s.Unit = string(f.b)
		case 8:
			s.Interval = int64(f.v)
		case 9:
			if s.Origin, err = decodeOrigin(f.b); err != nil {
				return s, err
			}
		default:
			return s, fmt.Errorf("unexpected series field %d", f.num)
		}
	}
	return s, nil
}

func decodeSketch(b []byte) (s decodedSketch, err error) {
	fs, err := fields(b)
	if err != nil {
		return s, err
	}
	for _, f := range fs {
		switch f.num {
		case 1:
			s.Metric = string(f.b)
		case 2:
			s.Host = string(f.b)
		case 4:
			s.Tags = append(s.Tags, string(f.b))
		case 7:
			if err := s.decodeBins(f.b); err != nil {
				return s, err
			}
		case 8:
			if s.Origin, err = decodeOrigin(f.b); err != nil {
				return s, err
			}
		default:
			return s, fmt.Errorf("unexpected sketch field %d", f.num)
		}
	}
	return s, nil
}

func (s *decodedSketch) decodeBins(b []byte) error {
	fs, err := fields(b)
	if err != nil {
		return err
	}
	for _, f := range fs {
		switch f.num {
		case 1:
			s.Timestamp = int64(f.v)
		case 2:
			s.Count = int64(f.v)
		case 3:
			s.Min = math.Float64frombits(f.v)
		case 4:
			s.Max = math.Float64frombits(f.v)
		case 5:
			s.Avg = math.Float64frombits(f.v)
		case 6:
			s.Sum = math.Float64frombits(f.v)
		case 7, 8:
			for p := f.b; len(p) > 0; {
				v, n := protowire.ConsumeVarint(p)
				if n < 0 {
					return protowire.ParseError(n)
				}
				p = p[n:]
				if f.num == 7 {
					s.Keys = append(s.Keys, int(protowire.DecodeZigZag(v)))
				} else {
					s.Counts = append(s.Counts, int(v))
				}
			}
		default:
			return fmt.Errorf("unexpected dogsketch field %d", f.num)
		}
	}
	if len(s.Keys) != len(s.Counts) {
		return fmt.Errorf("%d keys but %d counts", len(s.Keys), len(s.Counts))
	}
	return nil
}

func decodeOrigin(b []byte) (o decodedOrigin, err error) {
	fs, err := fields(b)
	if err != nil || len(fs) != 1 {
		return o, fmt.Errorf("metadata %x: %v", b, err)
	}
	if fs, err = fields(fs[0].b); err != nil {
		return o, err
	}
	for _, f := range fs {
		switch f.num {
		case 4:
			o.Product = f.v
		case 6:
			o.Service = f.v
		default:
			return o, fmt.Errorf("unexpected origin field %d", f.num)
		}
	}
	return o, nil
}

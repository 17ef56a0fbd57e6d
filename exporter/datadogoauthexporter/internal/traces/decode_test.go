package traces_test

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// decodedPayload is an AgentPayload as a golden file shows it.
type decodedPayload struct {
	HostName       string                 `json:"hostName,omitempty"`
	Env            string                 `json:"env,omitempty"`
	AgentVersion   string                 `json:"agentVersion,omitempty"`
	TargetTPS      float64                `json:"targetTPS,omitempty"`
	ErrorTPS       float64                `json:"errorTPS,omitempty"`
	TracerPayloads []decodedTracerPayload `json:"tracerPayloads"`
}

type decodedTracerPayload struct {
	ContainerID   string            `json:"containerID,omitempty"`
	LanguageName  string            `json:"languageName,omitempty"`
	TracerVersion string            `json:"tracerVersion,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	Env           string            `json:"env,omitempty"`
	Hostname      string            `json:"hostname,omitempty"`
	AppVersion    string            `json:"appVersion,omitempty"`
	Chunks        []decodedChunk    `json:"chunks"`
}

type decodedChunk struct {
	Priority int32             `json:"priority"`
	Origin   string            `json:"origin,omitempty"`
	Tags     map[string]string `json:"tags"`
	Spans    []decodedSpan     `json:"spans"`
}

type decodedSpan struct {
	Service  string             `json:"service"`
	Name     string             `json:"name"`
	Resource string             `json:"resource"`
	Type     string             `json:"type"`
	TraceID  uint64             `json:"traceID"`
	SpanID   uint64             `json:"spanID"`
	ParentID uint64             `json:"parentID"`
	Start    int64              `json:"start"`
	Duration int64              `json:"duration"`
	Error    int32              `json:"error"`
	Meta     map[string]string  `json:"meta"`
	Metrics  map[string]float64 `json:"metrics"`
}

// field is one field of a message: u for a varint or fixed64, b for bytes.
type field struct {
	number protowire.Number
	u      uint64
	b      []byte
}

// eachField reads a message as strictly as a proto3 decoder may.
func eachField(msg []byte, do func(f field) error) error {
	for len(msg) > 0 {
		number, typ, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return protowire.ParseError(n)
		}
		msg = msg[n:]
		f := field{number: number}
		switch typ {
		case protowire.VarintType:
			f.u, n = protowire.ConsumeVarint(msg)
		case protowire.Fixed64Type:
			f.u, n = protowire.ConsumeFixed64(msg)
		case protowire.BytesType:
			f.b, n = protowire.ConsumeBytes(msg)
		default:
			return fmt.Errorf("field %d has wire type %d", number, typ)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		msg = msg[n:]
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}

func unknown(message string, f field) error {
	return fmt.Errorf("%s has no field %d", message, f.number)
}

func (f field) text(to *string) error {
	if !utf8.Valid(f.b) {
		return fmt.Errorf("field %d is not UTF-8: %q", f.number, f.b)
	}
	*to = string(f.b)
	return nil
}

// entry reads a map entry. It refuses a key that is there already: a decoder would take the last one.
func entry[V any](m *map[string]V, f field, value func(f field) (V, error)) error {
	var key string
	var v V
	err := eachField(f.b, func(f field) (err error) {
		switch f.number {
		case 1:
			return f.text(&key)
		case 2:
			v, err = value(f)
			return err
		}
		return unknown("map entry", f)
	})
	if err != nil {
		return err
	}
	if *m == nil {
		*m = map[string]V{}
	}
	if _, ok := (*m)[key]; ok {
		return fmt.Errorf("key %q twice", key)
	}
	(*m)[key] = v
	return nil
}

func textValue(f field) (s string, err error) { err = f.text(&s); return s, err }

func doubleValue(f field) (float64, error) { return math.Float64frombits(f.u), nil }

func decodePayload(msg []byte) (p decodedPayload, err error) {
	err = eachField(msg, func(f field) error {
		switch f.number {
		case 1:
			return f.text(&p.HostName)
		case 2:
			return f.text(&p.Env)
		case 5:
			t, err := decodeTracerPayload(f.b)
			p.TracerPayloads = append(p.TracerPayloads, t)
			return err
		case 7:
			return f.text(&p.AgentVersion)
		case 8:
			p.TargetTPS = math.Float64frombits(f.u)
		case 9:
			p.ErrorTPS = math.Float64frombits(f.u)
		default:
			return unknown("AgentPayload", f)
		}
		return nil
	})
	return p, err
}

func decodeTracerPayload(msg []byte) (p decodedTracerPayload, err error) {
	err = eachField(msg, func(f field) error {
		switch f.number {
		case 1:
			return f.text(&p.ContainerID)
		case 2:
			return f.text(&p.LanguageName)
		case 4:
			return f.text(&p.TracerVersion)
		case 6:
			c, err := decodeChunk(f.b)
			p.Chunks = append(p.Chunks, c)
			return err
		case 7:
			return entry(&p.Tags, f, textValue)
		case 8:
			return f.text(&p.Env)
		case 9:
			return f.text(&p.Hostname)
		case 10:
			return f.text(&p.AppVersion)
		}
		return unknown("TracerPayload", f)
	})
	if err == nil && len(p.Chunks) == 0 {
		err = errors.New("TracerPayload without chunks")
	}
	return p, err
}

func decodeChunk(msg []byte) (c decodedChunk, err error) {
	err = eachField(msg, func(f field) error {
		switch f.number {
		case 1:
			c.Priority = int32(f.u)
		case 2:
			return f.text(&c.Origin)
		case 3:
			s, err := decodeSpan(f.b)
			c.Spans = append(c.Spans, s)
			return err
		case 4:
			return entry(&c.Tags, f, textValue)
		default:
			return unknown("TraceChunk", f)
		}
		return nil
	})
	if err == nil && len(c.Spans) == 0 {
		err = errors.New("TraceChunk without spans")
	}
	return c, err
}

func decodeSpan(msg []byte) (s decodedSpan, err error) {
	err = eachField(msg, func(f field) error {
		switch f.number {
		case 1:
			return f.text(&s.Service)
		case 2:
			return f.text(&s.Name)
		case 3:
			return f.text(&s.Resource)
		case 4:
			s.TraceID = f.u
		case 5:
			s.SpanID = f.u
		case 6:
			s.ParentID = f.u
		case 7:
			s.Start = int64(f.u)
		case 8:
			s.Duration = int64(f.u)
		case 9:
			s.Error = int32(f.u)
		case 10:
			return entry(&s.Meta, f, textValue)
		case 11:
			return entry(&s.Metrics, f, doubleValue)
		case 12:
			return f.text(&s.Type)
		default:
			return unknown("Span", f)
		}
		return nil
	})
	return s, err
}

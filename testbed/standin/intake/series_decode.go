package intake

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/DataDog/agent-payload/v5/gogen"
	"google.golang.org/protobuf/encoding/protowire"
)

// decodeSeriesProto reads a MetricPayload of agent-payload v5. The interval of a count or rate may be 0 here: proto3 cannot tell
// that from absent, and Datadog's own exporter sends it.
func decodeSeriesProto(body []byte) ([]*gogen.MetricPayload_MetricSeries, error) {
	var p gogen.MetricPayload
	if err := p.Unmarshal(body); err != nil {
		return nil, badRequest("the body is not a MetricPayload: %v", err)
	}
	unknown := len(p.XXX_unrecognized)
	for _, s := range p.Series {
		unknown += len(s.XXX_unrecognized) + unknownInMetadata(s.Metadata)
		for _, r := range s.Resources {
			unknown += len(r.XXX_unrecognized)
		}
		for _, pt := range s.Points {
			unknown += len(pt.XXX_unrecognized)
		}
	}
	if unknown > 0 {
		return nil, badRequest("the MetricPayload has %d B in fields that its definition does not know", unknown)
	}
	return p.Series, nil
}

// unknownInMetadata is the size of unknown fields in m. Field 3 of Origin is reserved, but Agents write it.
func unknownInMetadata(m *gogen.Metadata) int {
	if m == nil {
		return 0
	}
	unknown := len(m.XXX_unrecognized)
	if m.Origin == nil {
		return unknown
	}
	for rest := m.Origin.XXX_unrecognized; len(rest) > 0; {
		num, _, n := protowire.ConsumeField(rest)
		if n < 0 {
			return unknown + len(rest)
		}
		if num != 3 {
			unknown += n
		}
		rest = rest[n:]
	}
	return unknown
}

// The JSON form, as the v2 OpenAPI describes MetricPayload. Pointers tell absent from zero.
type (
	jsonSeriesBody struct {
		Series *[]jsonSeries `json:"series"`
	}
	jsonSeries struct {
		Metric         string         `json:"metric"`
		Type           int32          `json:"type"`
		Interval       *int64         `json:"interval"`
		Points         []jsonPoint    `json:"points"`
		Resources      []jsonResource `json:"resources"`
		Tags           []string       `json:"tags"`
		Unit           string         `json:"unit"`
		SourceTypeName string         `json:"source_type_name"`
		Metadata       *struct {
			Origin *jsonOrigin `json:"origin"`
		} `json:"metadata"`
	}
	jsonPoint struct {
		Timestamp *int64   `json:"timestamp"`
		Value     *float64 `json:"value"`
	}
	jsonResource struct {
		Type string `json:"type"`
		Name string `json:"name"`
	}
	jsonOrigin struct {
		Product    int32 `json:"product"`
		Service    int32 `json:"service"`
		MetricType int32 `json:"metric_type"`
	}
)

// decodeSeriesJSON reads the public form. A count or rate must carry an interval, which may be 0 as Datadog's exporter sends it.
func decodeSeriesJSON(body []byte) ([]*gogen.MetricPayload_MetricSeries, error) {
	var b jsonSeriesBody
	if err := decodeStrict(body, &b); err != nil {
		return nil, err
	}
	if b.Series == nil {
		return nil, badRequest(`the body has no "series"`)
	}
	series := make([]*gogen.MetricPayload_MetricSeries, len(*b.Series))
	for i, js := range *b.Series {
		s, err := js.toProto()
		if err != nil {
			return nil, err
		}
		series[i] = s
	}
	return series, nil
}

func (js jsonSeries) toProto() (*gogen.MetricPayload_MetricSeries, error) {
	s := &gogen.MetricPayload_MetricSeries{
		Metric:         js.Metric,
		Type:           gogen.MetricPayload_MetricType(js.Type),
		Tags:           js.Tags,
		Unit:           js.Unit,
		SourceTypeName: js.SourceTypeName,
	}
	if js.Interval != nil {
		s.Interval = *js.Interval
	} else if s.Type == gogen.MetricPayload_COUNT || s.Type == gogen.MetricPayload_RATE {
		return nil, badRequest(`metric %.200q: a count or rate needs an "interval"`, js.Metric)
	}
	for _, p := range js.Points {
		if p.Timestamp == nil || p.Value == nil {
			return nil, badRequest(`metric %.200q: a point needs "timestamp" and "value"`, js.Metric)
		}
		s.Points = append(s.Points, &gogen.MetricPayload_MetricPoint{Timestamp: *p.Timestamp, Value: *p.Value})
	}
	for _, r := range js.Resources {
		s.Resources = append(s.Resources, &gogen.MetricPayload_Resource{Type: r.Type, Name: r.Name})
	}
	if js.Metadata != nil && js.Metadata.Origin != nil {
		o := js.Metadata.Origin
		for _, n := range []int32{o.Product, o.Service, o.MetricType} {
			if n < 0 || n > 1000 {
				return nil, badRequest("metric %.200q: origin number %d is not in 0–1000", js.Metric, n)
			}
		}
		s.Metadata = &gogen.Metadata{Origin: &gogen.Origin{
			OriginProduct: uint32(o.Product), OriginService: uint32(o.Service), OriginCategory: uint32(o.MetricType),
		}}
	}
	return s, nil
}

// decodeStrict reads one JSON value into v: no unknown keys, nothing after it.
func decodeStrict(body []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return badRequest("the body is not the expected JSON: %.300v", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return badRequest("something follows the JSON value")
	}
	return nil
}

package metrics

import (
	"encoding/binary"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// What one request to the intake may hold, uncompressed: the limits that Datadog's own exporter keeps to. An item that alone
// is larger can never be sent.
const (
	maxSeriesBytes = 5_242_880
	maxSketchBytes = 4_194_304
)

// metricType is MetricSeries.type.
type metricType byte

const (
	typeCount metricType = 1
	typeRate  metricType = 2
	typeGauge metricType = 3
)

// suffix is what is appended to a metric's name for one of the series that a data point becomes.
type suffix uint8

const (
	noSuffix suffix = iota
	suffixCount
	suffixSum
	suffixMin
	suffixMax
	suffixBucket
	suffixQuantile
	numSuffixes
)

var suffixTexts = [numSuffixes]string{"", ".count", ".sum", ".min", ".max", ".bucket", ".quantile"}

// appendSeries appends one MetricPayload.series element with one point. Tags that belong to this series of the data point
// only stand in tx.lead.
//
//	message MetricSeries {
//	  repeated Resource resources = 1; string metric = 2; repeated string tags = 3; repeated MetricPoint points = 4;
//	  MetricType type = 5; string unit = 6; string source_type_name = 7; int64 interval = 8; Metadata metadata = 9; }
//	message MetricPoint { double value = 1; int64 timestamp = 2; }
//	agent-payload v5, proto/metrics/agent_payload.proto
//
// source_type_name stays empty, and zero values are not written (proto3), but for those of counts, which may be added to. Nothing is appended for a value that is
// not finite, such as a minimum of NaN or a difference that overflows: the intake has no such values.
func (tx *Tx) appendSeries(s suffix, typ metricType, value float64) {
	if !finite(value) {
		return
	}
	resources, pointTags, baseTags := tx.res.host, tx.point.all, tx.base.all
	if tx.point.giveUp || tx.base.giveUp {
		resources, pointTags, baseTags = tx.giveUpTags()
	}
	unit := tx.metric.unit
	if s == suffixCount || s == suffixBucket {
		unit = nil // these count observations
	}
	if tx.metric.nameChars+len(suffixTexts[s]) > maxNameChars {
		tx.tooLarge = true
		return
	}
	isCount := typ != typeGauge
	nameLen := len(tx.metric.name) + len(suffixTexts[s])
	pointLen := 0
	if value != 0 || isCount {
		pointLen += 9
	}
	if tx.unix != 0 {
		pointLen += 1 + protowire.SizeVarint(uint64(tx.unix))
	}
	size := len(resources) + 1 + protowire.SizeBytes(nameLen) + len(tx.lead.all) + len(pointTags) + len(baseTags) +
		2 + 2 + pointLen + len(tx.scope.seriesOrigin)
	if len(unit) > 0 {
		size += 1 + protowire.SizeBytes(len(unit))
	}
	if tx.interval != 0 {
		size += 1 + protowire.SizeVarint(uint64(tx.interval))
	}
	if 1+protowire.SizeBytes(size) > maxSeriesBytes {
		tx.tooLarge = true
		return
	}

	b := append(tx.series.Body, 1<<3|2)
	b = protowire.AppendVarint(b, uint64(size))
	b = append(b, resources...)
	b = append(b, 2<<3|2)
	b = protowire.AppendVarint(b, uint64(nameLen))
	b = append(b, tx.metric.name...)
	b = append(b, suffixTexts[s]...)
	b = append(b, tx.lead.all...)
	b = append(b, pointTags...)
	b = append(b, baseTags...)
	b = append(b, 5<<3, byte(typ))
	if len(unit) > 0 {
		b = append(b, 6<<3|2)
		b = protowire.AppendVarint(b, uint64(len(unit)))
		b = append(b, unit...)
	}
	if tx.interval != 0 {
		b = protowire.AppendVarint(append(b, 8<<3), uint64(tx.interval))
	}
	b = append(b, 4<<3|2, byte(pointLen))
	if value != 0 || isCount {
		b = append(b, 1<<3|1)
		if isCount {
			tx.noteCount(s, typ, value, b)
		}
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(value))
	}
	if tx.unix != 0 {
		b = append(b, 2<<3)
		b = protowire.AppendVarint(b, uint64(tx.unix))
	}
	b = append(b, tx.scope.seriesOrigin...)
	tx.endItem(tx.series, b)
}

// giveUpTags is the way of a series whose data point, resource or scope has a tag that becomes a resource.
// Resources stand in the order host, device, others; of several devices the last one in tag order counts.
func (tx *Tx) giveUpTags() (resources, pointTags, baseTags []byte) {
	device, hasDevice := tx.base.device, tx.base.giveUp && tx.base.hasDevice
	pointTags, baseTags = tx.point.all, tx.base.all
	if tx.base.giveUp {
		baseTags = tx.base.kept
	}
	if tx.point.giveUp {
		tx.point.split()
		pointTags = tx.point.kept
		if !hasDevice {
			device, hasDevice = tx.point.device, tx.point.hasDevice
		}
	}
	r := append(tx.resources[:0], tx.res.host...)
	if hasDevice && len(device) > 0 {
		r = appendResource(r, "device", device)
	}
	if tx.point.giveUp {
		r = append(r, tx.point.resources...)
	}
	if tx.base.giveUp {
		r = append(r, tx.base.resources...)
	}
	tx.resources = r
	return r, pointTags, baseTags
}

// appendSketch appends one SketchPayload.sketches element.
//
//	message Sketch {
//	  string metric = 1; string host = 2; repeated string tags = 4; repeated Dogsketch dogsketches = 7; Metadata metadata = 8; }
//	message Dogsketch {
//	  int64 ts = 1; int64 cnt = 2; double min = 3; double max = 4; double avg = 5; double sum = 6;
//	  repeated sint32 k = 7 [packed]; repeated uint32 n = 8 [packed]; }
//	agent-payload v5, proto/metrics/agent_payload.proto
//
// Nothing is appended for statistics that are not finite, such as the average of buckets that grew while the count did not, or a minimum of NaN.
func (tx *Tx) appendSketch(s *sketch) {
	if !finite(s.min) || !finite(s.max) || !finite(s.avg) || !finite(s.sum) {
		return
	}
	keys, counts := s.encodeBins()
	// s.basic has at most six fields of at most 11 bytes; they are written first to know their size.
	var room [6 * 11]byte
	basic := appendVarintField(room[:0], 1, uint64(tx.unix))
	basic = appendVarintField(basic, 2, uint64(s.cnt))
	basic = appendDoubleField(basic, 3, s.min)
	basic = appendDoubleField(basic, 4, s.max)
	basic = appendDoubleField(basic, 5, s.avg)
	basic = appendDoubleField(basic, 6, s.sum)

	dogSize := len(basic) + 1 + protowire.SizeBytes(len(keys)) + 1 + protowire.SizeBytes(len(counts))
	host := tx.res.name
	size := 1 + protowire.SizeBytes(len(tx.metric.name)) + len(tx.point.all) + len(tx.base.all) +
		1 + protowire.SizeBytes(dogSize) + len(tx.scope.sketchOrigin)
	if host != "" {
		size += 1 + protowire.SizeBytes(len(host))
	}
	if 1+protowire.SizeBytes(size) > maxSketchBytes || tx.metric.nameChars > maxNameChars {
		tx.tooLarge = true
		return
	}

	b := append(tx.sketches.Body, 1<<3|2)
	b = protowire.AppendVarint(b, uint64(size))
	b = append(b, 1<<3|2)
	b = protowire.AppendVarint(b, uint64(len(tx.metric.name)))
	b = append(b, tx.metric.name...)
	if host != "" {
		b = append(b, 2<<3|2)
		b = protowire.AppendVarint(b, uint64(len(host)))
		b = append(b, host...)
	}
	tags := len(b)
	b = append(b, tx.point.all...)
	b = append(b, tx.base.all...)
	retag(b[tags:])
	b = append(b, 7<<3|2)
	b = protowire.AppendVarint(b, uint64(dogSize))
	b = append(b, basic...)
	b = append(b, 7<<3|2)
	b = protowire.AppendVarint(b, uint64(len(keys)))
	b = append(b, keys...)
	b = append(b, 8<<3|2)
	b = protowire.AppendVarint(b, uint64(len(counts)))
	b = append(b, counts...)
	b = append(b, tx.scope.sketchOrigin...)
	tx.endItem(tx.sketches, b)
}

// endItem closes a wire item of the current data point. The point is counted on its first.
func (tx *Tx) endItem(p *intake.Payload, body []byte) {
	p.Body = body
	count := 0
	if !tx.sent {
		tx.sent, count = true, 1
	}
	p.EndItem(count, max(tx.unix, 1)) // a point without a time is as old as can be, and not one that never expires
}

func appendVarintField(dst []byte, field protowire.Number, v uint64) []byte {
	if v == 0 {
		return dst
	}
	return protowire.AppendVarint(append(dst, byte(field<<3)), v)
}

func appendDoubleField(dst []byte, field protowire.Number, f float64) []byte {
	if f == 0 {
		return dst
	}
	return binary.LittleEndian.AppendUint64(append(dst, byte(field<<3|1)), math.Float64bits(f))
}

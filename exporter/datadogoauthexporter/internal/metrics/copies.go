package metrics

import (
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
)

// copyRule makes of a metric another one under the name that Datadog's own dashboards know.
type copyRule struct {
	name string
	// where are the attributes that a data point must have, each with one of some values. Without any, every point is copied.
	where []condition
	// divisor divides the values, 0 for none. An integer is divided as such, and not by a divisor below 1.
	divisor float64
	// set are attributes that each point gets, over its own of that key.
	set []attribute
	// from is an attribute whose value the point gets a second time under to. Empty for none.
	from, to string
	// runtime says that the rule is one for runtime metrics: each point that fits where becomes a metric of its own, without unit and without
	// the attributes of where; of a histogram only the first.
	runtime bool
	noUnit  bool
}

type condition struct {
	key    string
	values []string
}

type attribute struct{ key, value string }

// pendingCopy is a metric of the current scope that is to be copied once all of the scope's own metrics are mapped.
type pendingCopy struct {
	metric int // its index in the scope
	rule   *copyRule
}

// splits says that each point of a copy is a metric of its own.
func (r *copyRule) splits() bool { return r.runtime && len(r.where) > 0 }

// noteCopies remembers what the i-th metric of the scope is to be copied to, runtime metrics first.
func (tx *Tx) noteCopies(i int, name string) {
	tables := tx.m.copies
	rules := tables.runtime[name]
	for j := range rules {
		tx.pending = append(tx.pending, pendingCopy{i, &rules[j]})
	}
	rules = tables.others[name]
	for j := range rules {
		tx.pending = append(tx.pending, pendingCopy{i, &rules[j]})
	}
}

// mapCopies maps the copies that were noted for a scope. Their points are not counted: those of the originals are.
func (tx *Tx) mapCopies(ms pmetric.MetricSlice) {
	for _, p := range tx.pending {
		m := ms.At(p.metric)
		if !p.rule.appliesTo(m.Type()) {
			continue
		}
		tx.copy = p.rule
		tx.mapMetric(m)
	}
	tx.copy = nil
	tx.pending = tx.pending[:0]
}

func (r *copyRule) appliesTo(t pmetric.MetricType) bool {
	switch t {
	case pmetric.MetricTypeGauge, pmetric.MetricTypeSum:
		return true
	case pmetric.MetricTypeHistogram:
		return r.runtime
	case pmetric.MetricTypeEmpty:
		return false
	default:
		return r.runtime && len(r.where) == 0
	}
}

// takes reports whether the metric under way, or the copy of it, has this data point.
func (tx *Tx) takes(attrs pcommon.Map) bool {
	if tx.copy == nil {
		return true
	}
	for _, c := range tx.copy.where {
		v, ok := tx.attribute(attrs, c.key)
		if !ok {
			return false
		}
		text := v.Str()
		if tx.copy.runtime && v.Type() != pcommon.ValueTypeStr {
			text = attributes.Text(v)
		}
		if !slices.Contains(c.values, text) {
			return false
		}
	}
	return true
}

// attribute is an attribute of a data point, or of its resource where those are tags of the points and so come first.
func (tx *Tx) attribute(attrs pcommon.Map, key string) (pcommon.Value, bool) {
	if tx.m.opts.ResourceAttributesAsTags {
		if v, ok := tx.res.overrides.get(key); ok {
			return v, true
		}
	}
	return attrs.Get(key)
}

// addCopiedAttribute adds one attribute of a data point as the rule of the copy has it.
func (tx *Tx) addCopiedAttribute(key string, v pcommon.Value) {
	r := tx.copy
	if r.runtime && slices.ContainsFunc(r.where, func(c condition) bool { return c.key == key }) {
		return
	}
	if slices.ContainsFunc(r.set, func(a attribute) bool { return a.key == key }) || r.to == key && r.to != "" && tx.copiesTo() {
		return
	}
	tx.point.addAttribute(key, v)
}

// copiesTo reports whether the current point has the attribute that the rule gives it a second time.
func (tx *Tx) copiesTo() bool {
	_, ok := tx.attribute(tx.pointAttributes, tx.copy.from)
	return ok
}

// addSetAttributes adds the attributes that the rule of the copy sets.
func (tx *Tx) addSetAttributes() {
	for _, a := range tx.copy.set {
		tx.point.add(a.key, a.value)
	}
	if tx.copy.to == "" {
		return
	}
	if v, ok := tx.attribute(tx.pointAttributes, tx.copy.from); ok {
		tx.point.addAttribute(tx.copy.to, v)
	}
}

// scaleInt and scale are values as the rule of a copy has them.
func (r *copyRule) scaleInt(v int64) int64 {
	if r == nil || r.divisor < 1 {
		return v
	}
	return v / int64(r.divisor)
}

func (r *copyRule) scale(v float64) float64 {
	if r == nil || r.divisor == 0 {
		return v
	}
	return v / r.divisor
}

// appendOwnName appends the name under which a metric itself is sent: some are moved out of the way of what Datadog's Agent calls the same.
func (tx *Tx) appendOwnName(dst []byte, name string) []byte {
	if tx.m.copies.rename {
		switch {
		case strings.HasPrefix(name, "system."), strings.HasPrefix(name, "process."), isRenamedKafka(name):
			dst = append(dst, "otel."...)
		case strings.HasPrefix(name, "datadog_trace_agent"), strings.HasPrefix(name, "datadog_otlp"):
			dst = append(dst, "otelcol_"...)
		}
	}
	return append(dst, validUTF8(name)...)
}

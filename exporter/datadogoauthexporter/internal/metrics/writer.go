package metrics

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire"
)

// writer is the tag that tells what this collector sends from what others send, in the forms of the intakes. It is no part of what a series is here.
type writer struct {
	field      []byte // MetricSeries.tags, empty for none
	key, value string
}

func newWriter(tag string) (w writer) {
	if tag != "" {
		w.field = protowire.AppendString([]byte{seriesTagField}, tag)
		w.key, w.value, _ = strings.Cut(tag, ":")
	}
	return w
}

// appendOTLPAttributes appends the attributes of a data point but those that hide names, nil for none, and the writer's as one of them, since the intake
// makes tags of no others as a rule.
func (tx *Tx) appendOTLPAttributes(dst []byte, field int, attrs pcommon.Map, hide func(string) bool) []byte {
	w := &tx.m.writer
	if w.key == "" {
		return otlpwire.AppendAttributesExcept(dst, field, attrs, hide)
	}
	tx.hide = hide
	dst = otlpwire.AppendAttributesExcept(dst, field, attrs, tx.hideWriter)
	tx.hide = nil
	return otlpwire.AppendTextAttribute(dst, field, w.key, w.value)
}

func (tx *Tx) isWriterOrHidden(key string) bool {
	return key == tx.m.writer.key || tx.hide != nil && tx.hide(key)
}

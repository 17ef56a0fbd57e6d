package intake

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// otlpAnswer reads what an OTLP server says beside Datadog's own form of errors: plain text, or protobuf: a google.rpc.Status with a refusal, and the
// partial success of a body that was taken, with the number of items that were not. Datadog documents none of it, so whatever does not fit says nothing.
//
//	message Status { int32 code = 1; string message = 2; }
//	message ExportTraceServiceResponse { ExportTracePartialSuccess partial_success = 1; }
//	message ExportTracePartialSuccess { int64 rejected_spans = 1; string error_message = 2; }
//
// https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
func otlpAnswer(media string, status int, raw []byte) (said string, rejected int) {
	switch {
	case media == "text/plain" && status >= 300 && len(raw) > 0:
		return Quotable(string(raw)), 0
	case media != "application/x-protobuf":
		return "", 0
	case status >= 300:
		if _, text := numberAndText(raw); text != "" {
			return Quotable(text), 0
		}
		return "", 0
	}
	num, typ, n := protowire.ConsumeTag(raw)
	if n < 0 || num != 1 || typ != protowire.BytesType {
		return "", 0
	}
	partial, n := protowire.ConsumeBytes(raw[n:])
	if n < 0 {
		return "", 0
	}
	number, text := numberAndText(partial)
	if number == 0 && text == "" {
		return "", 0
	}
	return fmt.Sprintf("partial success: %d rejected: %s", number, Quotable(text)), int(min(number, math.MaxInt32))
}

// numberAndText reads field 1, a varint, and field 2, a text, as far as raw is protobuf.
func numberAndText(raw []byte) (number uint64, text string) {
	for len(raw) > 0 {
		num, typ, n := protowire.ConsumeField(raw)
		if n < 0 {
			return number, text
		}
		_, _, tag := protowire.ConsumeTag(raw)
		switch value := raw[tag:n]; {
		case num == 1 && typ == protowire.VarintType:
			number, _ = protowire.ConsumeVarint(value)
		case num == 2 && typ == protowire.BytesType:
			content, _ := protowire.ConsumeBytes(value)
			text = string(content)
		}
		raw = raw[n:]
	}
	return number, text
}

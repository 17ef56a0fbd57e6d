package intake

import (
	_ "github.com/DataDog/agent-payload/v5/gogen"
	_ "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	_ "github.com/klauspost/compress/zstd"
	_ "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	_ "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	_ "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	_ "google.golang.org/protobuf/proto"
)

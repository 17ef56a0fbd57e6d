package oracle

import (
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// sampleFiles are payloads in OTLP JSON, one technology a file, named <signal>/<technology>.json. Times are written @-30s: relative to now.
//
//go:embed samples
var sampleFiles embed.FS

// sampleMetrics are the samples of metrics, by technology.
func sampleMetrics(now time.Time) (map[string]pmetric.Metrics, error) {
	return samples(now, "metrics", metricsCodec)
}

// sampleLogs are the samples of logs, by technology.
func sampleLogs(now time.Time) (map[string]plog.Logs, error) { return samples(now, "logs", logsCodec) }

// sampleTraces are the samples of traces, by technology.
func sampleTraces(now time.Time) (map[string]ptrace.Traces, error) {
	return samples(now, "traces", tracesCodec)
}

func samples[D any](now time.Time, signal string, c codec[D]) (map[string]D, error) {
	all := make(map[string]D)
	files, err := fs.Glob(sampleFiles, "samples/"+signal+"/*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		text, err := sampleFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		d, err := c.unmarshal([]byte(absoluteTimes(string(text), now)))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all[name] = d
	}
	return all, nil
}

// absoluteTimes replaces every "@-30s" by the time in Unix nanoseconds.
func absoluteTimes(text string, now time.Time) string {
	parts := strings.Split(text, `"@-`)
	for i, part := range parts[1:] {
		offset, rest, _ := strings.Cut(part, `"`)
		d, err := time.ParseDuration("-" + offset)
		if err != nil {
			panic("a sample has the time @-" + offset + ": " + err.Error())
		}
		parts[i+1] = strconv.Quote(strconv.FormatInt(now.Add(d).UnixNano(), 10)) + rest
	}
	return strings.Join(parts, "")
}

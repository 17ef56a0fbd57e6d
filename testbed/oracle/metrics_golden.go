package oracle

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

const metricsModule = "github.com/DataDog/datadog-agent/pkg/opentelemetry-mapping-go/otlp/metrics"

// goldenMetrics are the inputs of the tests of Datadog's translator, by file name. Times are moved into the window that Datadog takes.
func goldenMetrics(now time.Time) (map[string]pmetric.Metrics, error) {
	dir, err := moduleDir(metricsModule)
	if err != nil {
		return nil, err
	}
	root := filepath.Join(dir, "test", "otlp")
	inputs := make(map[string]pmetric.Metrics)
	err = filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		d, err := metricsCodec.unmarshal(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		moveTimes(d, now)
		name, err := filepath.Rel(root, path)
		inputs[name] = d
		return err
	})
	return inputs, err
}

// moduleDir is where the module cache has a module.
func moduleDir(module string) (string, error) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return "", fmt.Errorf("find the module cache of %s: %w", module, err)
	}
	return strings.TrimSpace(string(dir)), nil
}

// timed is what the points of all types have in common.
type timed interface {
	Timestamp() pcommon.Timestamp
	SetTimestamp(pcommon.Timestamp)
	StartTimestamp() pcommon.Timestamp
	SetStartTimestamp(pcommon.Timestamp)
}

// moveTimes moves all times into the last seconds before now and at least a second apart, in their order. A point without a time gets now;
// a start that is not set stays so.
func moveTimes(d pmetric.Metrics, now time.Time) {
	points := timedPoints(d)
	distinct := make(map[pcommon.Timestamp]bool)
	for _, p := range points {
		distinct[p.Timestamp()], distinct[p.StartTimestamp()] = true, true
	}
	delete(distinct, 0)
	moved := make(map[pcommon.Timestamp]pcommon.Timestamp, len(distinct))
	for i, ts := range slices.Sorted(maps.Keys(distinct)) {
		moved[ts] = pcommon.NewTimestampFromTime(now.Add(-time.Duration(len(distinct)-i) * time.Second))
	}
	for _, p := range points {
		p.SetStartTimestamp(moved[p.StartTimestamp()])
		if p.Timestamp() == 0 {
			p.SetTimestamp(pcommon.NewTimestampFromTime(now))
			continue
		}
		p.SetTimestamp(moved[p.Timestamp()])
	}
}

func timedPoints(d pmetric.Metrics) []timed {
	var points []timed
	for _, rm := range d.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, m := range sm.Metrics().All() {
				switch m.Type() {
				case pmetric.MetricTypeGauge:
					points = appendPoints(points, m.Gauge().DataPoints().Len(), m.Gauge().DataPoints().At)
				case pmetric.MetricTypeSum:
					points = appendPoints(points, m.Sum().DataPoints().Len(), m.Sum().DataPoints().At)
				case pmetric.MetricTypeHistogram:
					points = appendPoints(points, m.Histogram().DataPoints().Len(), m.Histogram().DataPoints().At)
				case pmetric.MetricTypeExponentialHistogram:
					points = appendPoints(points, m.ExponentialHistogram().DataPoints().Len(), m.ExponentialHistogram().DataPoints().At)
				case pmetric.MetricTypeSummary:
					points = appendPoints(points, m.Summary().DataPoints().Len(), m.Summary().DataPoints().At)
				}
			}
		}
	}
	return points
}

func appendPoints[P timed](all []timed, n int, at func(int) P) []timed {
	for i := range n {
		all = append(all, at(i))
	}
	return all
}

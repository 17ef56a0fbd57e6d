package intake

import (
	"slices"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// What comes as OTLP has the windows of the other forms: one point or record is dropped without a word, and its neighbours are kept. Of spans no
// window is known.

// otlpPointsInWindow removes the points outside of the window from d, counts them, and returns how many are left. The caller holds the lock.
func (o *org) otlpPointsInWindow(d *metricspb.MetricsData, now time.Time) (kept int) {
	for _, r := range d.ResourceMetrics {
		for _, s := range r.ScopeMetrics {
			for _, m := range s.Metrics {
				switch data := m.Data.(type) {
				case *metricspb.Metric_Gauge:
					kept += pointsInWindow(o, m.Name, now, &data.Gauge.DataPoints)
				case *metricspb.Metric_Sum:
					kept += pointsInWindow(o, m.Name, now, &data.Sum.DataPoints)
				case *metricspb.Metric_Histogram:
					kept += pointsInWindow(o, m.Name, now, &data.Histogram.DataPoints)
				case *metricspb.Metric_ExponentialHistogram:
					kept += pointsInWindow(o, m.Name, now, &data.ExponentialHistogram.DataPoints)
				case *metricspb.Metric_Summary:
					kept += pointsInWindow(o, m.Name, now, &data.Summary.DataPoints)
				}
			}
		}
	}
	return kept
}

func pointsInWindow[P interface{ GetTimeUnixNano() uint64 }](o *org, metric string, now time.Time, points *[]P) (kept int) {
	*points = slices.DeleteFunc(*points, func(p P) bool {
		return !o.inMetricWindow(KindOTLP, metric, int64(p.GetTimeUnixNano()/1e9), now)
	})
	return len(*points)
}

// otlpLogsInWindow is otlpPointsInWindow for records. One without a time is of the moment when it arrives.
func (o *org) otlpLogsInWindow(d *logspb.LogsData, now time.Time) (kept int) {
	oldest := uint64(now.Add(-logPast).UnixNano())
	for _, r := range d.ResourceLogs {
		for _, s := range r.ScopeLogs {
			s.LogRecords = slices.DeleteFunc(s.LogRecords, func(l *logspb.LogRecord) bool {
				at := l.TimeUnixNano
				if at == 0 {
					at = l.ObservedTimeUnixNano
				}
				old := at != 0 && at < oldest
				if old {
					o.drops.add(KindOTLP, DropTooOld, "", 1)
				}
				return old
			})
			kept += len(s.LogRecords)
		}
	}
	return kept
}

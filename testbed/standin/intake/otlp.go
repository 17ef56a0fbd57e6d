package intake

import (
	"cmp"
	"slices"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// The doors of otlp.<site>. TracesData, MetricsData and LogsData are on the wire what the three Export…ServiceRequests are.
// Fields that the definitions do not know are allowed: OTLP grows, and Datadog's intake need not be the newest.
var (
	otlpTracesDoor  = otlpDoor(3_200_000, 3_200_000, storeOTLPTraces)
	otlpMetricsDoor = otlpDoor(500_000, 5_000_000, storeOTLPMetrics)
	otlpLogsDoor    = otlpDoor(maxLogsBody, maxLogsBody, storeOTLPLogs)
)

func otlpDoor(maxSent, maxPlain int64, store func(*call) (any, error)) door {
	return door{
		kind:     KindOTLP,
		media:    []string{"application/x-protobuf"},
		maxSent:  maxSent,
		maxPlain: maxPlain,
		refuse:   answerErrors,
		admit:    admitOTLP,
		store:    store,
	}
}

func storeOTLPTraces(c *call) (any, error) {
	d := new(tracepb.TracesData)
	if err := proto.Unmarshal(c.body, d); err != nil {
		return nil, badRequest("the body is not an ExportTraceServiceRequest: %v", err)
	}
	n := 0
	for _, r := range d.ResourceSpans {
		for _, s := range r.ScopeSpans {
			n += len(s.Spans)
			for _, span := range s.Spans {
				if err := checkOTLPSpan(span); err != nil {
					return nil, err
				}
			}
		}
	}
	inWindow := func() int { return n } // none is known
	return storeOTLP(c, &c.org.otlp.traces, d, n, inWindow, func(k *Counts) *int { return &k.OTLPSpans })
}

func storeOTLPLogs(c *call) (any, error) {
	d := new(logspb.LogsData)
	if err := proto.Unmarshal(c.body, d); err != nil {
		return nil, badRequest("the body is not an ExportLogsServiceRequest: %v", err)
	}
	n := 0
	for _, r := range d.ResourceLogs {
		for _, s := range r.ScopeLogs {
			n += len(s.LogRecords)
			for _, record := range s.LogRecords {
				if err := checkOTLPRecord(record); err != nil {
					return nil, err
				}
			}
		}
	}
	inWindow := func() int { return c.org.otlpLogsInWindow(d, c.now) }
	return storeOTLP(c, &c.org.otlp.logs, d, n, inWindow, func(k *Counts) *int { return &k.OTLPLogs })
}

func storeOTLPMetrics(c *call) (any, error) {
	d := new(metricspb.MetricsData)
	if err := proto.Unmarshal(c.body, d); err != nil {
		return nil, badRequest("the body is not an ExportMetricsServiceRequest: %v", err)
	}
	n := 0
	for _, r := range d.ResourceMetrics {
		for _, s := range r.ScopeMetrics {
			for _, m := range s.Metrics {
				points, err := otlpPoints(m)
				if err == nil {
					err = checkPoints(m)
				}
				if err != nil {
					return nil, err
				}
				n += points
			}
		}
	}
	inWindow := func() int { return c.org.otlpPointsInWindow(d, c.now) }
	return storeOTLP(c, &c.org.otlp.metrics, d, n, inWindow, func(k *Counts) *int { return &k.OTLPPoints })
}

// otlpPoints counts the points of m and refuses a temporality other than delta. Non-monotonic sums are gauges to Datadog, and
// SDKs that prefer delta send them cumulative, so any temporality will do for those.
func otlpPoints(m *metricspb.Metric) (points int, err error) {
	temporality := metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	switch data := m.Data.(type) {
	case *metricspb.Metric_Gauge:
		points = len(data.Gauge.GetDataPoints())
	case *metricspb.Metric_Sum:
		points = len(data.Sum.GetDataPoints())
		if data.Sum.GetIsMonotonic() {
			temporality = data.Sum.GetAggregationTemporality()
		}
	case *metricspb.Metric_Histogram:
		points, temporality = len(data.Histogram.GetDataPoints()), data.Histogram.GetAggregationTemporality()
	case *metricspb.Metric_ExponentialHistogram:
		points = len(data.ExponentialHistogram.GetDataPoints())
		temporality = data.ExponentialHistogram.GetAggregationTemporality()
	case *metricspb.Metric_Summary:
		points = len(data.Summary.GetDataPoints())
	default:
		return 0, badRequest("metric %.200q has no data", m.Name)
	}
	if temporality != metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA {
		return 0, badRequest("metric %.200q is %s; only delta is accepted", m.Name, temporality)
	}
	return points, nil
}

// checkPoints refuses points that contradict themselves.
func checkPoints(m *metricspb.Metric) error {
	var errs []error
	for _, p := range slices.Concat(m.GetGauge().GetDataPoints(), m.GetSum().GetDataPoints()) {
		errs = append(errs, checkNumber(m.Name, p))
	}
	for _, p := range m.GetHistogram().GetDataPoints() {
		errs = append(errs, checkHistogram(m.Name, p))
	}
	for _, p := range m.GetExponentialHistogram().GetDataPoints() {
		errs = append(errs, checkExponential(m.Name, p))
	}
	for _, p := range m.GetSummary().GetDataPoints() {
		errs = append(errs, checkTimes(m.Name, p.StartTimeUnixNano, p.TimeUnixNano))
	}
	return cmp.Or(errs...)
}

// storeOTLP keeps what inWindow, called with the lock held, leaves of the n items of data.
func storeOTLP[T any](c *call, q *fifo[T], data T, n int, inWindow func() int, count func(*Counts) *int) (any, error) {
	c.org.write(KindOTLP, n, func() {
		kept := inWindow()
		if kept == 0 && n > 0 {
			return
		}
		keep(c.org, KindOTLP, q, c.org.caps.Requests, data)
		*count(&c.org.counts) += kept
		*count(&c.org.accepted) += kept
	})
	return nil, nil
}

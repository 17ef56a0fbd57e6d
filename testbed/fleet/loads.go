package fleet

import "github.com/datadogoauth/otelcol-datadogoauth/testbed/load"

// Mix is that of package load with metrics of two points, so that requests may be small.
func Mix() load.Mix {
	m := load.DefaultMix()
	m.Metrics.PointsPerMetric = 2
	return m
}

// Loads are metrics, logs and traces, side by side in one stream: requests of one pod each, with items in each. Their
// numbers begin with first.
func Loads(first uint8, requests, items int) ([]*load.Load, error) {
	var all []*load.Load
	for i, s := range load.Signals {
		l, err := load.Build(Mix(), s, requests, items, uint64(first)+uint64(i)) //nolint:gosec // three of them
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

package intake

import (
	"slices"
	"time"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
)

// statsItem is one body of APM stats.
type statsItem struct {
	payload *pb.StatsPayload
	arrived time.Time
}

// eachHits calls f for what Datadog makes of APM stats where q asks for it: the metric trace.<operation>.hits, a COUNT with the tags env, service,
// version, resource_name and the host's. A bucket is dated by its beginning.
//
// https://docs.datadoghq.com/tracing/metrics/metrics_namespace/
func (q metricQuery) eachHits(o *org, since time.Time, f func(ts int64, value float64)) {
	for _, s := range o.stats.all() {
		if s.arrived.After(since) {
			continue
		}
		for _, client := range s.payload.Stats {
			for _, bucket := range client.GetStats() {
				for _, g := range bucket.GetStats() {
					if !q.matchesHits(client, g) {
						continue
					}
					value := float64(g.GetHits())
					if q.as != "as_count" {
						value /= time.Duration(bucket.GetDuration()).Seconds()
					}
					f(int64(bucket.GetStart()/1e9), value)
				}
			}
		}
	}
}

func (q metricQuery) matchesHits(client *pb.ClientStatsPayload, g *pb.ClientGroupedStats) bool {
	if q.metric != "trace."+metricName(g.GetName())+".hits" {
		return false
	}
	var tags []string
	for name, value := range map[string]string{
		"env": client.GetEnv(), "version": client.GetVersion(), "host": client.GetHostname(), "service": g.GetService(), "resource_name": g.GetResource(),
	} {
		if value != "" {
			tag, _ := tagName(name + ":" + value)
			tags = append(tags, tag)
		}
	}
	return !slices.ContainsFunc(q.tags, func(tag string) bool { return !slices.Contains(tags, tag) })
}

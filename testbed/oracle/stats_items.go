package oracle

import (
	"fmt"
	"strings"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/DataDog/sketches-go/ddsketch/pb/sketchpb"
	"google.golang.org/protobuf/proto"
)

// statsItems are the groups of APM stats in payloads, each with everything that it came in. The version of the sender is left out.
func statsItems(payloads []*pb.StatsPayload) []item {
	var items []item
	for _, p := range payloads {
		header := fmt.Sprintf("host %q env %q computed %v split %v", p.AgentHostname, p.AgentEnv, p.ClientComputed, p.SplitPayload)
		for _, c := range p.Stats {
			for _, b := range c.Stats {
				for _, g := range b.Stats {
					items = append(items, statsItem(g, b, c, header))
				}
			}
		}
	}
	return items
}

func statsItem(g *pb.ClientGroupedStats, b *pb.ClientStatsBucket, c *pb.ClientStatsPayload, header string) item {
	return item{
		group: fmt.Sprintf("stats of %s, %q", g.Service, g.Resource),
		fields: map[string]string{
			"header":  header,
			"payload": fmt.Sprintf("env %q host %q version %q container %q commit %q image %q lang %q service %q", c.Env, c.Hostname, c.Version, c.ContainerID, c.GitCommitSha, c.ImageTag, c.Lang, c.Service),
			"unused": fmt.Sprint(c.TracerVersion, c.RuntimeID, c.Sequence, c.AgentAggregation, c.Tags, c.ProcessTagsHash, c.ProcessTags, b.AgentTimeShift,
				g.DBType, g.HTTPMethod, g.HTTPEndpoint, g.SpanDerivedPrimaryTags, g.AdditionalMetricTags),
			"bucket":     fmt.Sprint(b.Start, " ", b.Duration),
			"name":       g.Name,
			"type":       g.Type,
			"kind":       g.SpanKind,
			"http":       fmt.Sprint(g.HTTPStatusCode),
			"grpc":       g.GRPCStatusCode,
			"source":     g.ServiceSource,
			"synthetics": fmt.Sprint(g.Synthetics),
			"root":       g.IsTraceRoot.String(),
			"peers":      strings.Join(g.PeerTags, " | "),
			"hits":       fmt.Sprint(g.Hits),
			"top level":  fmt.Sprint(g.TopLevelHits),
			"errors":     fmt.Sprint(g.Errors),
			"duration":   fmt.Sprint(g.Duration),
			"ok":         sketchText(g.OkSummary),
			"failed":     sketchText(g.ErrorSummary),
		},
	}
}

// sketchText lists the bins of a DDSketch that are not empty.
func sketchText(raw []byte) string {
	var s sketchpb.DDSketch
	if err := proto.Unmarshal(raw, &s); err != nil {
		return err.Error()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "gamma %v offset %v interpolation %v zeros %v", s.Mapping.GetGamma(), s.Mapping.GetIndexOffset(), s.Mapping.GetInterpolation(), s.ZeroCount)
	if s.PositiveValues == nil || s.NegativeValues == nil || len(s.PositiveValues.BinCounts) > 0 || !proto.Equal(s.NegativeValues, &sketchpb.Store{}) {
		fmt.Fprintf(&b, ", stores %v and %v", s.PositiveValues, s.NegativeValues)
	}
	for i, n := range s.PositiveValues.GetContiguousBinCounts() {
		if n != 0 {
			fmt.Fprintf(&b, " %d×%v", int(s.PositiveValues.GetContiguousBinIndexOffset())+i, n)
		}
	}
	return b.String()
}

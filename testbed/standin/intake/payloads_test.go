package intake_test

import (
	"github.com/DataDog/agent-payload/v5/gogen"
	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"google.golang.org/protobuf/proto"
)

// The payloads here are made by Datadog's own encoders. now0 is where the harness clock stands.
const now0 = 1_800_000_000

func marshal(m interface{ Marshal() ([]byte, error) }) []byte {
	b, err := m.Marshal()
	if err != nil {
		panic(err)
	}
	return b
}

func gauge(name string, ts int64, value float64) *gogen.MetricPayload_MetricSeries {
	return &gogen.MetricPayload_MetricSeries{
		Metric:    name,
		Type:      gogen.MetricPayload_GAUGE,
		Tags:      []string{"env:prod", "Team:Core"},
		Resources: []*gogen.MetricPayload_Resource{{Type: "host", Name: "web-1"}},
		Points:    []*gogen.MetricPayload_MetricPoint{{Timestamp: ts, Value: value}},
		Metadata:  &gogen.Metadata{Origin: &gogen.Origin{OriginProduct: 19}},
	}
}

// seriesBody makes a body of one series after edit, which may be nil.
func seriesBody(edit func(*gogen.MetricPayload_MetricSeries)) []byte {
	s := gauge("a.b", now0, 1)
	if edit != nil {
		edit(s)
	}
	return marshal(&gogen.MetricPayload{Series: []*gogen.MetricPayload_MetricSeries{s}})
}

func sketchBody(edit func(*gogen.SketchPayload_Sketch, *gogen.SketchPayload_Sketch_Dogsketch)) []byte {
	s := gogen.SketchPayload_Sketch{
		Metric: "lat", Host: "web-1", Tags: []string{"env:prod"},
		Dogsketches: []gogen.SketchPayload_Sketch_Dogsketch{{
			Ts: now0, Cnt: 3, Min: 1, Max: 5, Avg: 3, Sum: 9, K: []int32{1338, 1442}, N: []uint32{1, 2},
		}},
	}
	if edit != nil {
		edit(&s, &s.Dogsketches[0])
	}
	return marshal(&gogen.SketchPayload{Sketches: []gogen.SketchPayload_Sketch{s}})
}

func agentPayload() *pb.AgentPayload {
	return &pb.AgentPayload{
		HostName: "gw", Env: "none", AgentVersion: "v", TargetTPS: 10,
		TracerPayloads: []*pb.TracerPayload{{
			Env: "prod", Hostname: "web-1", AppVersion: "1.2",
			Tags: map[string]string{"_dd.tags.container": "pod_name:p1,kube_namespace:ns"},
			Chunks: []*pb.TraceChunk{{
				Priority: 1,
				Spans: []*pb.Span{{
					Service: "shop", Name: "http.server", Resource: "GET /cart", TraceID: 255, SpanID: 7,
					Start: now0*1e9 - 5e9, Duration: 2e9, Type: "web",
					Meta:    map[string]string{"_dd.p.tid": "00000000000000aa", "http.route": "/cart"},
					Metrics: map[string]float64{"n": 2},
				}, {
					Service: "shop", Name: "db", Resource: "select", TraceID: 255, SpanID: 8, ParentID: 7,
					Start: now0*1e9 - 4e9, Duration: 1e9, Error: 1,
				}},
			}},
		}},
	}
}

func traceBody(edit func(*pb.AgentPayload, *pb.Span)) []byte {
	p := agentPayload()
	if edit != nil {
		edit(p, p.TracerPayloads[0].Chunks[0].Spans[0])
	}
	return protoBytes(p)
}

func protoBytes(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	return b
}

// sketchBytes is a DDSketch with gamma 2 and 1.5 in bin 3.
var sketchBytes = []byte("\x0a\x09\x09\x00\x00\x00\x00\x00\x00\x00\x40\x12\x0c\x12\x08\x00\x00\x00\x00\x00\x00\xf8\x3f\x18\x06\x1a\x00")

func statsBody(edit func(*pb.StatsPayload)) []byte {
	p := &pb.StatsPayload{AgentEnv: "none", AgentVersion: "v", Stats: []*pb.ClientStatsPayload{{
		Hostname: "web-1", Env: "prod", Stats: []*pb.ClientStatsBucket{{
			Start: now0 * 1e9, Duration: 10e9, Stats: []*pb.ClientGroupedStats{{Service: "shop", Name: "http.server", Hits: 4, PeerTags: []string{"a:b"}, OkSummary: sketchBytes, ErrorSummary: sketchBytes}},
		}},
	}}}
	if edit != nil {
		edit(p)
	}
	b, err := p.MarshalMsg(nil)
	if err != nil {
		panic(err)
	}
	return b
}

// groupBody is statsBody with a change to its group.
func groupBody(edit func(*pb.ClientGroupedStats)) []byte {
	return statsBody(func(p *pb.StatsPayload) { edit(p.Stats[0].Stats[0].Stats[0]) })
}

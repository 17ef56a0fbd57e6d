package intake

import (
	"fmt"

	pb "github.com/DataDog/datadog-agent/pkg/proto/pbgo/trace"
	"github.com/tinylib/msgp/msgp"
)

// statsDoor is POST trace.agent.<site>/api/v0.2/stats. The intake takes about 3 MB compressed; the limit after decompression
// is the stand-in's own bound.
var statsDoor = door{
	kind:     KindStats,
	media:    []string{"application/msgpack"},
	maxSent:  3_000_000,
	maxPlain: 30_000_000,
	refuse:   answerErrors,
	store:    storeStats,
}

func storeStats(c *call) (any, error) {
	rest, err := checkKeys(c.body, statsKeys, "StatsPayload")
	if err != nil {
		return nil, badRequest("the body is not a StatsPayload: %v", err)
	}
	if len(rest) > 0 {
		return nil, badRequest("%d B follow the StatsPayload", len(rest))
	}
	p := new(pb.StatsPayload)
	if _, err := p.UnmarshalMsg(c.body); err != nil {
		return nil, badRequest("the body is not a StatsPayload: %v", err)
	}
	groups := 0
	for _, client := range p.Stats {
		for _, bucket := range client.GetStats() {
			if bucket.GetStart() == 0 || bucket.GetDuration() == 0 {
				return nil, badRequest("a stats bucket with start %d ns and duration %d ns", bucket.GetStart(), bucket.GetDuration())
			}
			for _, g := range bucket.Stats {
				if err := checkGroup(g); err != nil {
					return nil, err
				}
			}
			groups += len(bucket.Stats)
		}
	}
	c.org.write(KindStats, groups, func() {
		keep(c.org, KindStats, &c.org.stats, c.org.caps.Requests, statsItem{p, c.now})
		c.org.counts.Stats += groups
		c.org.accepted.Stats += groups
	})
	return struct{}{}, nil
}

// msgKeys are the keys of a msgpack map; a value that is not nil describes the maps in the array under that key.
type msgKeys map[string]msgKeys

// statsKeys are the keys that Datadog's decoder reads. It skips others silently, so a misspelt key would read as zero.
var statsKeys = msgKeys{
	"AgentHostname": nil, "AgentEnv": nil, "AgentVersion": nil, "ClientComputed": nil, "SplitPayload": nil,
	"Stats": {
		"Hostname": nil, "Env": nil, "Version": nil, "Lang": nil, "TracerVersion": nil, "RuntimeID": nil, "Sequence": nil,
		"AgentAggregation": nil, "Service": nil, "ContainerID": nil, "Tags": nil, "GitCommitSha": nil, "ImageTag": nil,
		"ProcessTagsHash": nil, "ProcessTags": nil,
		"Stats": {
			"Start": nil, "Duration": nil, "AgentTimeShift": nil,
			"Stats": {
				"Service": nil, "Name": nil, "Resource": nil, "HTTPStatusCode": nil, "Type": nil, "DBType": nil, "Hits": nil,
				"Errors": nil, "Duration": nil, "OkSummary": nil, "ErrorSummary": nil, "Synthetics": nil, "TopLevelHits": nil,
				"SpanKind": nil, "PeerTags": nil, "IsTraceRoot": nil, "GRPCStatusCode": nil, "HTTPMethod": nil,
				"HTTPEndpoint": nil, "srv_src": nil, "SpanDerivedPrimaryTags": nil, "AdditionalMetricTags": nil,
			},
		},
	},
}

// checkKeys reads one map from b and returns what follows it. Its depth is that of known, so hostile nesting ends in an error.
func checkKeys(b []byte, known msgKeys, where string) (rest []byte, err error) {
	n, b, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	for ; n > 0; n-- {
		var key string
		if key, b, err = msgp.ReadStringBytes(b); err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		inner, ok := known[key]
		if !ok {
			return nil, fmt.Errorf("%s: unknown key %.100q", where, key)
		}
		if inner == nil || msgp.IsNil(b) {
			b, err = msgp.Skip(b)
		} else {
			b, err = checkArray(b, inner, where+"."+key)
		}
		if err != nil {
			return nil, fmt.Errorf("%s.%s: %w", where, key, err)
		}
	}
	return b, nil
}

func checkArray(b []byte, known msgKeys, where string) (rest []byte, err error) {
	n, b, err := msgp.ReadArrayHeaderBytes(b)
	for ; n > 0 && err == nil; n-- {
		if msgp.IsNil(b) { // a nil pointer in the list
			b, err = msgp.Skip(b)
			continue
		}
		b, err = checkKeys(b, known, where)
	}
	return b, err
}

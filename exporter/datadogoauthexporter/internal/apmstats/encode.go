package apmstats

import (
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

const (
	// maxGroups is how many groups the intake takes in one body: datadog-agent pkg/trace/writer/stats.go.
	maxGroups = 4000
	// pieceBytes is the size from which on a piece is closed, so that requests can be split.
	pieceBytes = 256 << 10
	// bodyBytes is what a body may have before the queue or the sender cuts it.
	bodyBytes = 2_500_000
)

// encode makes items of buckets. Where they do not fit one body, each item says that it is one of several.
func encode(due []*bucket, interval uint64) intake.Payload {
	groups, size := 0, 0
	for _, b := range due {
		for _, p := range b.order {
			for _, g := range p.groups {
				groups++
				size += g.size()
			}
		}
	}
	e := encoder{interval: interval, split: groups > maxGroups || size > bodyBytes}
	e.out.Body = make([]byte, 0, size+len(due)*512)
	for _, b := range due {
		for _, p := range b.order {
			for rest := p.groups; len(rest) > 0; {
				rest = rest[e.piece(b, p, rest):]
			}
		}
	}
	return e.out
}

type encoder struct {
	out      intake.Payload
	interval uint64
	split    bool
}

// piece appends one item: a ClientStatsPayload with one bucket. It returns how many of the groups are in it.
//
//	message ClientStatsPayload { string hostname = 1; string env = 2; string version = 3; repeated ClientStatsBucket stats = 4; string lang = 5;
//	  string tracerVersion = 6; string runtimeID = 7; uint64 sequence = 8; string agentAggregation = 9; string service = 10;
//	  string containerID = 11; repeated string tags = 12; string git_commit_sha = 13; string image_tag = 14;
//	  uint64 process_tags_hash = 15; string process_tags = 16; }
//	message ClientStatsBucket { uint64 start = 1; uint64 duration = 2; repeated ClientGroupedStats stats = 3; int64 agentTimeShift = 4; }
//	datadog-agent, pkg/proto/datadog/trace/stats.proto; as msgpack, in this order, every field there
func (e *encoder) piece(b *bucket, p *payload, groups []*group) int {
	key := keyReader(p.key)
	env, hostname, version, containerID, commit, lang, service := key.text(), key.text(), key.text(), key.text(), key.text(), key.text(), key.text()
	begin := len(e.out.Body)
	dst := append(e.out.Body, intake.StatsItemMark(e.split)...)
	dst = append(dst, "\xa8Hostname"...)
	dst = appendString(dst, hostname)
	dst = append(dst, "\xa3Env"...)
	dst = appendString(dst, env)
	dst = append(dst, "\xa7Version"...)
	dst = appendString(dst, version)
	dst = append(dst, "\xa5Stats\x91\x84\xa5Start"...)
	dst = appendUint(dst, uint64(b.start))
	dst = append(dst, "\xa8Duration"...)
	dst = appendUint(dst, e.interval)
	dst = append(dst, "\xa5Stats"...)
	dst, at := array32(dst)
	n := 0
	for n < len(groups) && n < maxGroups && len(dst)-begin < pieceBytes {
		dst = groups[n].appendTo(dst)
		n++
	}
	closeArray32(dst, at, n)
	dst = append(dst, "\xaeAgentTimeShift\x00\xa4Lang"...)
	dst = appendString(dst, lang)
	dst = append(dst, "\xadTracerVersion\xa0\xa9RuntimeID\xa0\xa8Sequence\x00\xb0AgentAggregation\xa0\xa7Service"...)
	dst = appendString(dst, service)
	dst = append(dst, "\xabContainerID"...)
	dst = appendString(dst, containerID)
	dst = append(dst, "\xa4Tags\x90\xacGitCommitSha"...)
	dst = appendString(dst, commit)
	dst = append(dst, "\xa8ImageTag\xa0\xafProcessTagsHash\x00\xabProcessTags\xa0"...)
	e.out.Body = dst
	e.out.EndItem(n, (b.start+int64(e.interval))/1e9)
	return n
}

// groupBytes is about what the names and numbers of a group take.
const groupBytes = 330

// size is about how many bytes appendTo appends.
func (g *group) size() int {
	ok, failed := g.sketches()
	return groupBytes + len(g.key) + ok.size() + failed.size()
}

// The values of IsTraceRoot.
const (
	rootNotSet = iota
	rootTrue
	rootFalse
)

// appendTo appends one ClientGroupedStats.
//
//	message ClientGroupedStats { string service = 1; string name = 2; string resource = 3; uint32 HTTP_status_code = 4; string type = 5;
//	  string DB_type = 6; uint64 hits = 7; uint64 errors = 8; uint64 duration = 9; bytes okSummary = 10; bytes errorSummary = 11;
//	  bool synthetics = 12; uint64 topLevelHits = 13; string span_kind = 15; repeated string peer_tags = 16; Trilean is_trace_root = 17;
//	  string GRPC_status_code = 18; string HTTP_method = 19; string HTTP_endpoint = 20; string service_source = 21;
//	  repeated string span_derived_primary_tags = 22; repeated string additional_metric_tags = 23; }
func (g *group) appendTo(dst []byte) []byte {
	key := keyReader(g.key)
	flags := key[0]
	key = key[1:]
	status := key.number()
	service, name, resource, typ, kind, grpc, source := key.text(), key.text(), key.text(), key.text(), key.text(), key.text(), key.text()
	dst = append(dst, "\xde\x00\x16\xa7Service"...)
	dst = appendString(dst, service)
	dst = append(dst, "\xa4Name"...)
	dst = appendString(dst, name)
	dst = append(dst, "\xa8Resource"...)
	dst = appendString(dst, resource)
	dst = append(dst, "\xaeHTTPStatusCode"...)
	dst = appendUint(dst, status)
	dst = append(dst, "\xa4Type"...)
	dst = appendString(dst, typ)
	dst = append(dst, "\xa6DBType\xa0\xa4Hits"...)
	dst = appendUint(dst, whole(g.hits))
	dst = append(dst, "\xa6Errors"...)
	dst = appendUint(dst, whole(g.errors))
	dst = append(dst, "\xa8Duration"...)
	dst = appendUint(dst, whole(g.duration))
	ok, failed := g.sketches()
	dst = append(dst, "\xa9OkSummary"...)
	dst = ok.appendTo(appendBinHeader(dst, ok.size()))
	dst = append(dst, "\xacErrorSummary"...)
	dst = failed.appendTo(appendBinHeader(dst, failed.size()))
	dst = append(dst, "\xaaSynthetics"...)
	dst = appendBool(dst, flags&flagSynthetics != 0)
	dst = append(dst, "\xacTopLevelHits"...)
	dst = appendUint(dst, whole(g.topLevelHits))
	dst = append(dst, "\xa8SpanKind"...)
	dst = appendString(dst, kind)
	dst = append(dst, "\xa8PeerTags"...)
	dst, at := array32(dst)
	peers := 0
	for ; len(key) > 0; peers++ {
		dst = appendString(dst, key.peerTag())
	}
	closeArray32(dst, at, peers)
	dst = append(dst, "\xabIsTraceRoot"...)
	dst = append(dst, isTraceRoot(flags))
	dst = append(dst, "\xaeGRPCStatusCode"...)
	dst = appendString(dst, grpc)
	dst = append(dst, "\xaaHTTPMethod\xa0\xacHTTPEndpoint\xa0\xa7srv_src"...)
	dst = appendString(dst, source)
	return append(dst, "\xb6SpanDerivedPrimaryTags\x90\xb4AdditionalMetricTags\x90"...)
}

func isTraceRoot(flags byte) byte {
	switch {
	case flags&flagNoTrace != 0:
		return rootNotSet
	case flags&flagTraceRoot != 0:
		return rootTrue
	default:
		return rootFalse
	}
}

package apmstats

import "strings"

// Chunk is what the spans of one trace have in common. Its texts are read during the call that it is given to.
type Chunk struct {
	// Env, Hostname, Version, ContainerID, GitCommitSha and Lang are those of the payload that the chunk is sent in.
	Env, Hostname, Version, ContainerID, GitCommitSha, Lang string
	// BaseService is the root's _dd.base_service, Origin its _dd.origin.
	BaseService, Origin string
	// SampleRate is the root's _sample_rate, 0 when it has none.
	SampleRate float64
}

// Span is a span as it is sent, with what decides about its stats. Its texts are read during the call that it is given to.
type Span struct {
	Service, Name, Resource, Type string
	// Kind is meta span.kind, ServiceSource meta _dd.svc_src, BaseService meta _dd.base_service.
	Kind, ServiceSource, BaseService string
	// HTTPStatus is the HTTP status code, 0 for none. GRPCStatus is the gRPC status as the span has it, a number or a name.
	HTTPStatus int64
	GRPCStatus string
	// PeerTags are the entries of meta under one of the peer tag keys that are not empty, in the order of the keys.
	PeerTags []Tag
	// Start and Duration are in ns; neither is negative, nor is their sum too large.
	Start, Duration int64
	// Failed: it has an error. TraceRoot: it has no parent. TopLevel: a service is entered by it. Measured: its sender asks for stats.
	// Partial: it is an image of a span that has not ended.
	Failed, TraceRoot, TopLevel, Measured, Partial bool
}

// Tag is one peer tag.
type Tag = struct{ Key, Value string }

// noEnv is the environment of spans that name none, as Datadog's exporter calls it.
const noEnv = "none"

// weight is how many spans each span of the chunk stands for.
func (c *Chunk) weight() float64 {
	if c.SampleRate > 0 && c.SampleRate <= 1 {
		return 1 / c.SampleRate
	}
	return 1
}

// counts says whether stats are computed for s. kind is its kind in lower case.
func (s *Span) counts(kind string, byKind bool) bool {
	return !s.Partial && (s.TopLevel || s.Measured || byKind && (kind == "server" || isPeerKind(kind)))
}

// isPeerKind says that a span of the kind talks to a peer.
func isPeerKind(kind string) bool {
	return kind == "client" || kind == "producer" || kind == "consumer"
}

// peerTags are those of the tags that count: all of a span that talks to a peer, and of an internal one whose service was overridden the base
// service only.
func (s *Span) peerTags(kind string) []Tag {
	switch {
	case isPeerKind(kind):
		return s.PeerTags
	case (kind == "" || kind == "internal") && s.BaseService != "":
		for i := range s.PeerTags {
			if s.PeerTags[i].Key == baseServiceKey {
				return s.PeerTags[i : i+1]
			}
		}
	}
	return nil
}

func lower(kind string) string {
	for i := 0; i < len(kind); i++ {
		if c := kind[i]; c < 'a' || c > 'z' {
			return strings.ToLower(kind)
		}
	}
	return kind
}

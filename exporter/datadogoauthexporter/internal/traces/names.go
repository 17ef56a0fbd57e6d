package traces

import "hash/maphash"

// name is a key with its hash, so that a key that occurs in every span is hashed once.
type name struct {
	text string
	hash uint64
	ours bool // a name of this package: ASCII, and short enough
}

// names are the keys that are written or looked for by name.
type names struct {
	spanKind, grpcStatusCode, traceState, traceID, version, events, hasException, spanLinks name
	scopeName, scopeVersion, libraryName, libraryVersion, statusCode, statusDescription     name
	errorMsg, errorType, errorStack, env, dbName, httpStatusCode                            name
	peerService, baseService, httpURL, sqlQuery, dbStatement, dbQueryText, dbType           name
	redisCommand, valkeyCommand, mongoQuery, elasticBody, openSearchBody, memcachedCommand  name
	httpTarget, httpReferrer, urlQuery                                                      name
	hostname, origin, decisionMaker, traceIDHigh, apmMode, tracerVersion                    name

	measured, sampleRate, priority, eventRate, topLevel, spanSampling name
	clientRate, priorityRate, errorsRate, agentRate, ruleRate         name
	tracerTopLevel                                                    name
}

func newNames(seed maphash.Seed) names {
	n := func(text string) name { return name{text, maphash.String(seed, text), true} }
	return names{
		spanKind: n("span.kind"), grpcStatusCode: n("rpc.grpc.status_code"), traceState: n("w3c.tracestate"), traceID: n("otel.trace_id"),
		version: n("version"), events: n("events"), hasException: n("_dd.span_events.has_exception"), spanLinks: n("_dd.span_links"),
		scopeName: n("otel.scope.name"), scopeVersion: n("otel.scope.version"),
		libraryName: n("otel.library.name"), libraryVersion: n("otel.library.version"),
		statusCode: n("otel.status_code"), statusDescription: n("otel.status_description"),
		errorMsg: n("error.msg"), errorType: n("error.type"), errorStack: n("error.stack"),
		env: n("env"), dbName: n("db.name"), httpStatusCode: n("http.status_code"),
		peerService: n("peer.service"), baseService: n("_dd.base_service"), httpURL: n("http.url"),
		sqlQuery: n("sql.query"), dbStatement: n("db.statement"), dbQueryText: n("db.query.text"), dbType: n("db.type"),
		redisCommand: n("redis.raw_command"), valkeyCommand: n("valkey.raw_command"), mongoQuery: n("mongodb.query"),
		elasticBody: n("elasticsearch.body"), openSearchBody: n("opensearch.body"), memcachedCommand: n("memcached.command"),
		httpTarget: n("http.target"), httpReferrer: n("http.referrer"), urlQuery: n("url.query"),
		hostname: n("_dd.hostname"), origin: n("_dd.origin"), decisionMaker: n("_dd.p.dm"), traceIDHigh: n("_dd.p.tid"), apmMode: n("_dd.apm_mode"),
		tracerVersion: n("tracer.version"),

		measured: n("_dd.measured"), sampleRate: n("_sample_rate"), priority: n("_sampling_priority_v1"), eventRate: n("_dd1.sr.eausr"),
		topLevel: n("_top_level"), spanSampling: n("_dd.span_sampling.mechanism"), clientRate: n("_dd1.sr.rcusr"),
		priorityRate: n("_sampling_priority_rate_v1"), errorsRate: n("_dd.errors_sr"), agentRate: n("_dd.agent_psr"), ruleRate: n("_dd.rule_psr"),
		tracerTopLevel: n("_dd.top_level"),
	}
}

package isolation

import "strings"

// words are the texts that are in everybody's data.
var words = wordsOf(`
	-- what the intakes call things
	host device count rate gauge
	AdditionalMetricTags AgentAggregation AgentEnv AgentHostname AgentTimeShift AgentVersion ClientComputed ContainerID DBType Duration Env
	ErrorSummary Errors GRPCStatusCode GitCommitSha HTTPEndpoint HTTPMethod HTTPStatusCode Hits Hostname ImageTag IsTraceRoot Lang Name OkSummary
	PeerTags ProcessTags ProcessTagsHash Resource RuntimeID Sequence Service SpanDerivedPrimaryTags SpanKind SplitPayload Start Stats Synthetics Tags
	TopLevelHits TracerVersion Type Version srv_src
	@timestamp ddsource ddtags hostname message service status dd.span_id dd.trace_id otel.span_id otel.trace_id otel.timestamp otel.severity_number
	otel.severity_text otel.scope.name otel.scope.version otel.event_name
	aggregation_key alert_type date_happened text title tags priority check host_name timestamp
	agent-flavor gohai cpu filesystem memory network platform host-tags otel internalHostname meta otel_version instance-id
	spans env trace_id span_id parent_id name resource type start duration error attributes time_unix_nano

	-- what the mapping says of its own
	none otlp- otlp_log_ingestion otel_source:datadog_exporter instrumentation_scope:n/a instrumentation_scope_version:n/a
	_dd.hostname _dd.otlp_sr 1.00 _dd.p.dm -9 -4 _dd.p.tid _dd.span_links _dd1.sr.rcusr _dd.errors_sr _sampling_priority_rate_v1 _sampling_priority_v1 _top_level
	_dd.span_events.has_exception events tracer.version otel.library.name otel.library.version otel.status_code otel.status_description
	otlpresourcenoservicename Unset Ok Error error.msg http.method http.url version span.kind
	error warning info success web sql custom client server internal server.request client.request internal.request postgresql.query http.server.request
	Internal Server Client

	-- what the generator calls things
	service.name host.name host.id team deployment.environment.name service.version datadog.host.use_as_metadata true
	who n d yes map inner list key map.inner map.count bare.n _sample_rate
	http.request.method http.route url.full GET db.system db.query.text peer.service postgresql db.system:postgresql
	datadog.type event service_check log
	bare.gauge bare.delta bare.requests bare.latency bare.latency.count bare.latency.sum bare.latency.min bare.latency.max bare.latency.bucket
	bare.delta.latency bare.delta.latency.count bare.delta.latency.sum bare.delta.latency.min bare.delta.latency.max bare.delta.latency.bucket
	bare.exponential bare.exponential.count bare.exponential.sum bare.exponential.min bare.exponential.max
	bare.sizes bare.sizes.count bare.sizes.sum bare.sizes.quantile quantile:0.5 bare.message bare.work
	lower_bound:-inf lower_bound:1.0 lower_bound:2.0 lower_bound:5.0 upper_bound:1.0 upper_bound:2.0 upper_bound:5.0 upper_bound:inf
`)

func wordsOf(list string) map[string]struct{} {
	all := make(map[string]struct{})
	for line := range strings.Lines(list) {
		if strings.HasPrefix(strings.TrimSpace(line), "--") {
			continue
		}
		for word := range strings.FieldsSeq(line) {
			all[word] = struct{}{}
			all["meta."+word], all["metrics."+word] = struct{}{}, struct{}{} // of the public span intake
		}
	}
	return all
}

func isWord(s string) bool {
	_, ok := words[s]
	return ok || s == "" || strings.HasPrefix(s, "otelcol-datadogoauth")
}

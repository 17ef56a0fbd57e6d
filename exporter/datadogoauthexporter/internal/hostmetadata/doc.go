// Package hostmetadata reports what resources tell of the hosts that they run on: one JSON object a host, in the form that fills Datadog's
// list of hosts. It does no I/O.
//
// Only a resource with datadog.host.use_as_metadata: true is asked, and only for a host that it names itself. The machine of this process is
// never looked at. What a tenant's resources tell is kept for each organisation apart.
//
// A host is reported when it is first seen, when something about it changed, and again every period while it is seen. What resources of one
// host say is merged: an attribute that a later one lacks keeps its value. A host that changes all the time, since two services
// say different things of it, is reported once a minute at most.
//
// The members are those that Datadog's package inframetadata (v0.85.2) makes of a resource:
//
//	{"meta": {"instance-id", "ec2-hostname", "hostname", "host_aliases", "ccrid"},
//	 "internalHostname", "otel_version", "agent-flavor",
//	 "host-tags": {"otel": ["key:value"]},
//	 "gohai": "{\"cpu\": {}, \"filesystem\": [], \"memory\": {}, \"network\": {}, \"platform\": {}}"}  JSON in a string
//
// Left out, since a resource does not tell them, or nobody says what they mean: meta.socket-hostname and meta.socket-fqdn, resources (processes),
// the content of filesystem and memory, and the tags of Google Cloud, which Datadog's exporter makes for its own machine only.
//
// Where it differs from inframetadata: a second IPv4 address is not taken for an IPv6 one, a value that is no finite number is left out, tags are there
// once, one of a wrong type costs the others nothing, a changing clock rate alone is no reason to report, and limits hold (see limits.go).
package hostmetadata

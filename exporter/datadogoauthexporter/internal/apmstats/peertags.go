package apmstats

import (
	"slices"
	"strings"
)

const baseServiceKey = "_dd.base_service"

// defaultPeerTags are the keys that name the peer of a span in one convention or another: datadog-agent pkg/trace/config/peer_tags.go with
// pkg/trace/semantics/mappings.json, version v20260630131934.
var defaultPeerTags = []string{
	baseServiceKey, "active_record.db.vendor", "amqp.destination", "amqp.exchange", "amqp.queue", "aws.queue.name", "aws.s3.bucket",
	"bucketname", "cassandra.keyspace", "db.cassandra.contact.points", "db.couchbase.seed.nodes", "db.hostname", "db.instance", "db.name",
	"db.namespace", "db.system", "db.system.name", "db.type", "dns.hostname", "grpc.host", "hostname", "http.host", "http.server_name",
	"messaging.destination", "messaging.destination.name", "messaging.kafka.bootstrap.servers", "messaging.rabbitmq.exchange",
	"messaging.system", "mongodb.db", "msmq.queue.path", "net.peer.name", "network.destination.ip", "network.destination.name", "out.host",
	"peer.hostname", "peer.service", "queuename", "rpc.service", "rpc.system", "sequel.db.vendor", "server.address", "streamname",
	"tablename", "topicname",
}

// PeerTagKeys are the keys of meta that become peer tags: Datadog's list and more, each once, in the order that the tags "key:value" have when
// sorted.
func PeerTagKeys(more []string) []string {
	keys := slices.Concat(defaultPeerTags, more)
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(a+":", b+":") })
	return slices.Compact(keys)
}

package metrics

import (
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// originProduct says that a metric came through OTLP.
const originProduct = 19

// receiverPrefix begins the scope name of every receiver of the contrib repository.
const receiverPrefix = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/"

// appendOrigin appends the metadata field of a series (9) or sketch (8) for a scope.
//
//	message Metadata { Origin origin = 1; }
//	message Origin { uint32 origin_product = 4; uint32 origin_category = 5; uint32 origin_service = 6; }
//	agent-payload v5, proto/metrics/agent_payload.proto
//
// origin_category is 0 for these sources, hence absent.
func appendOrigin(dst []byte, field protowire.Number, scopeName string) []byte {
	service := uint64(originService(scopeName))
	size := 2
	if service != 0 {
		size += 1 + protowire.SizeVarint(service)
	}
	dst = protowire.AppendTag(dst, field, protowire.BytesType)
	dst = append(dst, byte(size+2))
	dst = append(dst, 1<<3|2, byte(size), 4<<3, originProduct)
	if service != 0 {
		dst = append(dst, 6<<3)
		dst = protowire.AppendVarint(dst, service)
	}
	return dst
}

// originService is Datadog's number of the receiver whose scope this is, 0 for everything else.
func originService(scopeName string) uint32 {
	name, ok := strings.CutPrefix(scopeName, receiverPrefix)
	if !ok {
		return 0
	}
	name, _, _ = strings.Cut(name, "/")
	return originServices[name]
}

var originServices = map[string]uint32{
	"activedirectorydsreceiver": 251, "aerospikereceiver": 252, "apachereceiver": 253, "apachesparkreceiver": 254,
	"azuremonitorreceiver": 255, "bigipreceiver": 256, "chronyreceiver": 257, "couchdbreceiver": 258,
	"dockerstatsreceiver": 217, "elasticsearchreceiver": 218, "expvarreceiver": 219, "filestatsreceiver": 220,
	"flinkmetricsreceiver": 221, "gitproviderreceiver": 222, "haproxyreceiver": 223, "hostmetricsreceiver": 224,
	"httpcheckreceiver": 225, "iisreceiver": 226, "k8sclusterreceiver": 227, "kafkametricsreceiver": 228,
	"kubeletstatsreceiver": 229, "memcachedreceiver": 230, "mongodbatlasreceiver": 231, "mongodbreceiver": 232,
	"mysqlreceiver": 233, "nginxreceiver": 234, "nsxtreceiver": 235, "oracledbreceiver": 236, "podmanreceiver": 521,
	"postgresqlreceiver": 237, "prometheusreceiver": 238, "rabbitmqreceiver": 239, "redisreceiver": 240,
	"riakreceiver": 241, "saphanareceiver": 242, "snmpreceiver": 243, "snowflakereceiver": 244,
	"splunkenterprisereceiver": 245, "sqlserverreceiver": 246, "sshcheckreceiver": 247, "statsdreceiver": 248,
	"vcenterreceiver": 249, "zookeeperreceiver": 250,
}

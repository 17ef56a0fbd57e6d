package traces

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// attrKey numbers the attribute keys that mean something here. Every other key is attrOther and is sent as it is.
type attrKey uint8

const (
	attrOther attrKey = iota
	attrServiceName
	attrOperationName
	attrResourceName
	attrSpanType
	attrServiceVersion
	attrEnvName
	attrEnv
	attrContainerID
	attrSDKLanguage
	attrSDKVersion
	attrHTTPRequestMethod
	attrHTTPMethod
	attrHTTPRoute
	attrURLTemplate
	attrHTTPStatusCode
	attrHTTPResponseStatusCode
	attrDBStatement
	attrDBQueryText
	attrDBSystemName
	attrDBSystem
	attrDBNamespace
	attrMessagingSystem
	attrMessagingOperation
	attrMessagingDestination
	attrMessagingDestinationName
	attrRPCSystem
	attrRPCSystemName
	attrRPCService
	attrRPCMethod
	attrRPCGRPCStatusCode
	attrGRPCCode
	attrRPCGRPCStatusDotCode
	attrGRPCStatusCode
	attrRPCResponseStatusCode
	attrFaaSInvokedProvider
	attrFaaSInvokedName
	attrFaaSTrigger
	attrGraphQLOperationType
	attrGraphQLOperationName
	attrNetworkProtocolName
	attrMeasured
	attrSampleRate
	attrClientAddress
	attrHTTPResponseBodySize
	attrHTTPRequestBodySize
	attrHTTPReferrer
	attrNetworkProtocolVersion
	attrServerAddress
	attrURLFull
	attrUserAgent
	attrAnalyticsEvent
	attrSamplingPriority
	numAttrKeys
)

// attrKeyOf finds the number of a key. The compiler makes a binary search of it, which costs less than hashing the key.
func attrKeyOf(key string) attrKey {
	switch key {
	case "service.name":
		return attrServiceName
	case "operation.name":
		return attrOperationName
	case "resource.name":
		return attrResourceName
	case "span.type":
		return attrSpanType
	case "service.version":
		return attrServiceVersion
	case "deployment.environment.name":
		return attrEnvName
	case "deployment.environment":
		return attrEnv
	case "container.id":
		return attrContainerID
	case "telemetry.sdk.language":
		return attrSDKLanguage
	case "telemetry.sdk.version":
		return attrSDKVersion
	case "http.request.method":
		return attrHTTPRequestMethod
	case "http.method":
		return attrHTTPMethod
	case "http.route":
		return attrHTTPRoute
	case "url.template":
		return attrURLTemplate
	case "http.status_code":
		return attrHTTPStatusCode
	case "http.response.status_code":
		return attrHTTPResponseStatusCode
	case "db.statement":
		return attrDBStatement
	case "db.query.text":
		return attrDBQueryText
	case "db.system.name":
		return attrDBSystemName
	case "db.system":
		return attrDBSystem
	case "db.namespace":
		return attrDBNamespace
	case "messaging.system":
		return attrMessagingSystem
	case "messaging.operation":
		return attrMessagingOperation
	case "messaging.destination":
		return attrMessagingDestination
	case "messaging.destination.name":
		return attrMessagingDestinationName
	case "rpc.system":
		return attrRPCSystem
	case "rpc.system.name":
		return attrRPCSystemName
	case "rpc.service":
		return attrRPCService
	case "rpc.method":
		return attrRPCMethod
	case "rpc.grpc.status_code":
		return attrRPCGRPCStatusCode
	case "grpc.code":
		return attrGRPCCode
	case "rpc.grpc.status.code":
		return attrRPCGRPCStatusDotCode
	case "grpc.status.code":
		return attrGRPCStatusCode
	case "rpc.response.status_code":
		return attrRPCResponseStatusCode
	case "faas.invoked_provider":
		return attrFaaSInvokedProvider
	case "faas.invoked_name":
		return attrFaaSInvokedName
	case "faas.trigger":
		return attrFaaSTrigger
	case "graphql.operation.type":
		return attrGraphQLOperationType
	case "graphql.operation.name":
		return attrGraphQLOperationName
	case "network.protocol.name":
		return attrNetworkProtocolName
	case "_dd.measured":
		return attrMeasured
	case "_sample_rate":
		return attrSampleRate
	case "client.address":
		return attrClientAddress
	case "http.response.body.size":
		return attrHTTPResponseBodySize
	case "http.request.body.size":
		return attrHTTPRequestBodySize
	case "http.request.header.referrer":
		return attrHTTPReferrer
	case "network.protocol.version":
		return attrNetworkProtocolVersion
	case "server.address":
		return attrServerAddress
	case "url.full":
		return attrURLFull
	case "user_agent.original":
		return attrUserAgent
	case "analytics.event":
		return attrAnalyticsEvent
	case "sampling.priority":
		return attrSamplingPriority
	}
	return attrOther
}

// attrTargets is the key that Datadog has for an attribute, "" for those that are sent in a field of the span instead.
// https://docs.datadoghq.com/opentelemetry/mapping/semantic_mapping/#http
var attrTargets = [numAttrKeys]string{
	attrServiceVersion:           "service.version",
	attrEnvName:                  "deployment.environment.name",
	attrEnv:                      "deployment.environment",
	attrContainerID:              "container.id",
	attrSDKLanguage:              "telemetry.sdk.language",
	attrSDKVersion:               "telemetry.sdk.version",
	attrHTTPRequestMethod:        "http.method",
	attrHTTPMethod:               "http.method",
	attrHTTPRoute:                "http.route",
	attrURLTemplate:              "url.template",
	attrHTTPStatusCode:           "http.status_code",
	attrHTTPResponseStatusCode:   "http.status_code",
	attrDBStatement:              "db.statement",
	attrDBQueryText:              "db.query.text",
	attrDBSystemName:             "db.system.name",
	attrDBSystem:                 "db.system",
	attrDBNamespace:              "db.namespace",
	attrMessagingSystem:          "messaging.system",
	attrMessagingOperation:       "messaging.operation",
	attrMessagingDestination:     "messaging.destination",
	attrMessagingDestinationName: "messaging.destination.name",
	attrRPCSystem:                "rpc.system",
	attrRPCSystemName:            "rpc.system.name",
	attrRPCService:               "rpc.service",
	attrRPCMethod:                "rpc.method",
	attrRPCGRPCStatusCode:        "rpc.grpc.status_code",
	attrGRPCCode:                 "grpc.code",
	attrRPCGRPCStatusDotCode:     "rpc.grpc.status.code",
	attrGRPCStatusCode:           "grpc.status.code",
	attrRPCResponseStatusCode:    "rpc.response.status_code",
	attrFaaSInvokedProvider:      "faas.invoked_provider",
	attrFaaSInvokedName:          "faas.invoked_name",
	attrFaaSTrigger:              "faas.trigger",
	attrGraphQLOperationType:     "graphql.operation.type",
	attrGraphQLOperationName:     "graphql.operation.name",
	attrNetworkProtocolName:      "network.protocol.name",
	attrMeasured:                 "_dd.measured",
	attrSampleRate:               "_sample_rate",
	attrClientAddress:            "http.client_ip",
	attrHTTPResponseBodySize:     "http.response.content_length",
	attrHTTPRequestBodySize:      "http.request.content_length",
	attrHTTPReferrer:             "http.referrer",
	attrNetworkProtocolVersion:   "http.version",
	attrServerAddress:            "http.server_name",
	attrURLFull:                  "http.url",
	attrUserAgent:                "http.useragent",
	attrAnalyticsEvent:           "analytics.event",
	attrSamplingPriority:         "sampling.priority",
}

// known holds the attributes of one map that have a number. Of a key that occurs twice it has the first, as pcommon.Map.Get.
type known struct {
	has  uint64 // bit n: vals[n] is set
	vals [numAttrKeys]pcommon.Value
}

var _ [64 - numAttrKeys]struct{} // has holds a bit for each

func (k *known) note(key attrKey, v pcommon.Value) {
	if bit := uint64(1) << key; key != attrOther && k.has&bit == 0 {
		k.has |= bit
		k.vals[key] = v
	}
}

func (k *known) get(key attrKey) (pcommon.Value, bool) {
	return k.vals[key], k.has&(1<<key) != 0
}

// str is the string under key, "" when there is none or something else.
func (k *known) str(key attrKey) string {
	if v, ok := k.get(key); ok && v.Type() == pcommon.ValueTypeStr {
		return v.Str()
	}
	return ""
}

func (k *known) int(key attrKey) (int64, bool) {
	if v, ok := k.get(key); ok && v.Type() == pcommon.ValueTypeInt {
		return v.Int(), true
	}
	return 0, false
}

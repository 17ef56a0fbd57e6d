package load

import (
	"fmt"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
)

var (
	services = []string{"checkout", "catalog", "payment", "shipping", "accounts", "search", "recommendations", "gateway"}
	routes   = []string{"/cart/{id}", "/orders/{id}", "/items", "/items/{id}/reviews", "/login", "/search", "/accounts/{id}/addresses", "/health", "/checkout", "/returns/{id}"}
	methods  = []string{"GET", "POST", "PUT", "DELETE"}
	statuses = []int64{200, 201, 204, 302, 400, 404, 500}
)

func pick[T any](b *builder, from []T) T { return from[b.rand.IntN(len(from))] }

// resource has the eight attributes of a pod in Kubernetes. Each request of a load is of another pod.
func (b *builder) resource(n int) *resourcepb.Resource {
	service := services[n%len(services)]
	return &resourcepb.Resource{Attributes: []*commonpb.KeyValue{
		text("service.name", service),
		text("service.namespace", "shop"),
		text("service.version", fmt.Sprintf("1.%d.%d", n%7, n%3)),
		text("deployment.environment.name", "production"),
		text("host.name", fmt.Sprintf("ip-10-%d-%d-%d.eu-central-1.compute.internal", n%4, n/200%256, n%200)),
		text("k8s.pod.name", service+b.mark(n)),
		text("cloud.region", "eu-central-1"),
		text("telemetry.sdk.language", "go"),
	}}
}

func scope(name string) *commonpb.InstrumentationScope {
	return &commonpb.InstrumentationScope{Name: name, Version: "0.60.0"}
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func integer(key string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}

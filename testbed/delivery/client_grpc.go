package delivery

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

// NewGRPCClient returns one for a receiver of OTLP/gRPC, host:port, that stays up: to gRPC a receiver that is gone and one that refuses for now are the
// same. Calls are not counted as Written.
func NewGRPCClient(address, header string) (*Client, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableRetry())
	if err != nil {
		return nil, err
	}
	c := NewClient("", header)
	c.grpc = conn
	return c, nil
}

// methods are those of the OTLP services.
var methods = map[load.Signal]string{
	load.Metrics: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
	load.Logs:    "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
	load.Traces:  "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
}

// onceGRPC is once by OTLP/gRPC. It tells a code as the status that OTLP/HTTP has for it.
//
// https://opentelemetry.io/docs/specs/otlp/#failures
func (c *Client) onceGRPC(s load.Signal, tenant string, body []byte) (code int, answer []byte, whole bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ctx = metadata.AppendToOutgoingContext(ctx, c.Header, tenant)
	err = c.grpc.Invoke(ctx, methods[s], &body, &answer, grpc.ForceCodec(plain{}))
	switch st := status.Convert(err); st.Code() {
	case codes.OK:
		return http.StatusOK, answer, true, nil
	case codes.Unavailable:
		return http.StatusServiceUnavailable, nil, true, nil
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests, nil, true, nil
	default:
		return http.StatusBadRequest, []byte(err.Error()), true, nil
	}
}

// plain takes bytes for messages.
type plain struct{}

var _ encoding.Codec = plain{}

func (plain) Name() string { return "proto" }

func (plain) Marshal(v any) ([]byte, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("%T is not bytes", v)
	}
	return *b, nil
}

func (plain) Unmarshal(data []byte, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("%T is not bytes", v)
	}
	*b = append([]byte(nil), data...)
	return nil
}

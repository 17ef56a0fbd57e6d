package delivery_test

import (
	"net"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
)

func TestAnOutcomeIsWhatTheReceiverSaidByGRPC(t *testing.T) {
	t.Parallel()
	var refusals atomic.Int64
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		var request emptypb.Empty // whatever there is
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		if len(request.ProtoReflect().GetUnknown()) == 0 {
			t.Error("nothing was sent")
		}
		md, _ := metadata.FromIncomingContext(stream.Context())
		switch md.Get("x-tenant")[0] {
		case "later":
			if n := refusals.Add(1); n <= 2 {
				return status.Error([]codes.Code{codes.Unavailable, codes.ResourceExhausted}[n-1], "not now")
			}
		case "refused":
			return status.Error(codes.InvalidArgument, "never")
		}
		return stream.SendMsg(&emptypb.Empty{})
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	c, err := delivery.NewGRPCClient(listener.Addr().String(), "x-tenant")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for i, want := range []struct {
		tenant  string
		outcome delivery.Outcome
		fails   bool
	}{{"taken", delivery.Acknowledged, false}, {"later", delivery.Acknowledged, false}, {"refused", delivery.Refused, true}} {
		if o, err := c.Send(t.Context(), want.tenant, load.Signals[i], 2); o != want.outcome || (err != nil) != want.fails {
			t.Errorf("%s: outcome %d, %v", want.tenant, o, err)
		}
	}
	if c.Retried.Load() != 2 {
		t.Errorf("%d calls were refused for now", c.Retried.Load())
	}
}

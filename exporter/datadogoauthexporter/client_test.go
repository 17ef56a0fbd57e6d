package datadogoauthexporter

import (
	"context"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
)

// way passes connections on to a server. What it has passed on so far can be lost.
type way struct {
	net.Listener
	dials atomic.Int32
	lost  atomic.Int32 // of the first so many connections nothing arrives any more
}

func newWay(t *testing.T, to string) *way {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{Listener: l}
	var copies sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	copies.Go(func() {
		for {
			down, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", to)
			if err != nil {
				t.Error(err)
				_ = down.Close()
				return
			}
			n := w.dials.Add(1)
			for _, pair := range [][2]net.Conn{{up, down}, {down, up}} {
				copies.Go(func() {
					_, _ = io.Copy(&lossy{pair[0], func() bool { return n <= w.lost.Load() }}, pair[1])
					_ = pair[0].Close()
					_ = pair[1].Close()
				})
				context.AfterFunc(ctx, func() { _ = pair[0].Close() })
			}
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		cancel()
		copies.Wait()
	})
	return w
}

type lossy struct {
	io.Writer
	loses func() bool
}

func (l *lossy) Write(p []byte) (int, error) {
	if l.loses() {
		return len(p), nil
	}
	return l.Writer.Write(p)
}

// TestAConnectionWhoseWayIsGoneIsGivenUp loses all that goes over a connection from some moment on, without an end of the connection. Times are a hundredth of
// the defaults.
func TestAConnectionWhoseWayIsGoneIsGivenUp(t *testing.T) {
	t.Parallel()
	w, get := newClientOf(t, func(cfg *Config) {
		cfg.HTTP.HTTP2ReadIdleTimeout /= 100
		cfg.HTTP.HTTP2PingTimeout /= 100
	})
	within(t, func() bool { return get() == "HTTP/2.0" })
	w.lost.Store(w.dials.Load())
	within(t, func() bool { return get() == "HTTP/2.0" })
	if n := w.dials.Load(); n == w.lost.Load() {
		t.Errorf("%d dials", n)
	}
}

// TestHTTP2CanBeTurnedOff though its connections are checked by default.
func TestHTTP2CanBeTurnedOff(t *testing.T) {
	t.Parallel()
	_, get := newClientOf(t, func(cfg *Config) { cfg.HTTP.ForceAttemptHTTP2 = false })
	var protocol string
	within(t, func() bool { protocol = get(); return protocol != "" })
	if protocol != "HTTP/1.1" {
		t.Errorf("the server was called with %s", protocol)
	}
}

// newClientOf is a call with a client of the default configuration, changed by change, and the way to its server. The call returns the protocol, and nothing
// after an error.
func newClientOf(t *testing.T, change func(*Config)) (w *way, get func() string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	w = newWay(t, srv.Listener.Addr().String())
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := createDefaultConfig().(*Config)
	cfg.HTTP.TLS.CAFile, cfg.HTTP.TLS.ServerName = ca, "example.com"
	change(cfg)
	client, err := cfg.newClient(t.Context(), newHost(), componenttest.NewNopTelemetrySettings())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return w, func() string {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+w.Addr().String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return ""
		}
		_ = resp.Body.Close()
		return resp.Proto
	}
}

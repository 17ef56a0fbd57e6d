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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadata"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// host is a collector with a holder of grants, and perhaps a storage.
type host struct {
	grants     *grants
	extensions map[component.ID]component.Component
}

type grants struct {
	component.StartFunc
	component.ShutdownFunc
	tenancytest.Source
}

// newGrantsHost is the host of the generated lifecycle test: one tenant, whose intakes are closed ports.
func newGrantsHost() component.Host {
	h := newHost()
	h.grants.Grant("acme", "datadoghq.eu", "key", 1, false)
	return h
}

func newHost() *host {
	g := &grants{}
	return &host{grants: g, extensions: map[component.ID]component.Component{component.NewID(metadata.Type): g}}
}

func (h *host) GetExtensions() map[component.ID]component.Component { return h.extensions }

// received is one request as an intake got it.
type received struct {
	site, path, key string
	body            string
	stats           string // header compute_stats
}

// datadog plays the intakes of several sites behind a proxy, so that the exporter runs with Datadog's own host names.
type datadog struct {
	proxy  *httptest.Server
	caFile string
	got    chan received

	mu     sync.Mutex
	keys   map[string]string                        // by site, the only key that is accepted there; guarded by mu
	answer func(r received, header http.Header) int // guarded by mu; nil accepts
	text   string                                   // of every answer; guarded by mu
}

// newDatadog serves each of the sites, which accept one key each.
func newDatadog(t testing.TB, keys map[string]string) *datadog {
	t.Helper()
	d := &datadog{got: make(chan received, 1000), keys: keys}
	backends := make(map[string]string)
	for name := range keys {
		srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.serve(t, name, w, r) }))
		t.Cleanup(srv.Close)
		backends[name] = srv.Listener.Addr().String()
		d.caFile = filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(d.caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var tunnels sync.WaitGroup
	d.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, addr := range backends {
			if strings.HasSuffix(r.Host, "."+name+":443") {
				tunnel(w, addr, &tunnels)
				return
			}
		}
		t.Errorf("a request to %s", r.Host)
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(tunnels.Wait)
	t.Cleanup(d.proxy.Close)
	return d
}

// tunnel answers CONNECT.
func tunnel(w http.ResponseWriter, addr string, tunnels *sync.WaitGroup) {
	tunnels.Add(1) // before Hijack: the server forgets a connection then, and may be closed
	defer tunnels.Done()
	up, err := net.Dial("tcp", addr)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	down, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = io.WriteString(down, "HTTP/1.1 200 OK\r\n\r\n")
	for _, pair := range [][2]net.Conn{{up, down}, {down, up}} {
		tunnels.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			_ = pair[0].Close()
			_ = pair[1].Close()
		})
	}
}

func (d *datadog) serve(t testing.TB, name string, w http.ResponseWriter, r *http.Request) {
	got := received{site: name, path: r.URL.Path, key: r.Header.Get("DD-API-KEY"), body: plain(t, r), stats: r.Header.Get("compute_stats")}
	d.mu.Lock()
	key, answer, text := d.keys[name], d.answer, d.text
	d.mu.Unlock()
	status := http.StatusAccepted
	switch {
	case got.key != key:
		status = http.StatusForbidden
	case answer != nil:
		status = answer(got, w.Header())
	}
	if status == http.StatusAccepted {
		d.got <- got
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (d *datadog) says(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.text = text
}

func (d *datadog) accept(site, key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keys[site] = key
}

func (d *datadog) answers(f func(r received, header http.Header) int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answer = f
}

// await returns the next n accepted requests.
func (d *datadog) await(t testing.TB, n int) []received {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []received
	for len(all) < n {
		select {
		case r := <-d.got:
			all = append(all, r)
		case <-ctx.Done():
			t.Fatalf("%d of %d requests arrived", len(all), n)
		}
	}
	return all
}

func plain(t testing.TB, r *http.Request) string {
	var in io.Reader = r.Body
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			t.Errorf("gzip: %v", err)
			return ""
		}
		in = z
	case "zstd":
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Errorf("zstd: %v", err)
			return ""
		}
		defer z.Close()
		in = z
	}
	body, err := io.ReadAll(in)
	if err != nil {
		t.Errorf("body of %s: %v", r.URL.Path, err)
	}
	return string(body)
}

// config is the default one with what the world needs; batches leave at once.
func (d *datadog) config() *Config {
	cfg := createDefaultConfig().(*Config)
	cfg.Tenant.ResourceAttribute = true
	cfg.HTTP.ProxyURL = d.proxy.URL
	cfg.HTTP.TLS.CAFile = d.caFile
	cfg.HTTP.TLS.ServerName = "example.com" // what httptest's certificate is for
	cfg.Queue.Get().Batch.Get().FlushTimeout = 20 * time.Millisecond
	cfg.Retry.InitialInterval = 10 * time.Millisecond
	return cfg
}

// settings count into the returned telemetry.
func settings(t testing.TB) (exporter.Settings, *componenttest.Telemetry) {
	t.Helper()
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() {
		if err := tel.Shutdown(context.Background()); err != nil {
			t.Errorf("telemetry: %v", err)
		}
	})
	set := exportertest.NewNopSettings(metadata.Type)
	set.ID = component.NewID(metadata.Type) // what is stored is of one exporter
	set.TelemetrySettings = tel.NewTelemetrySettings()
	return set, tel
}

// run starts an exporter and stops it at the end of the test, unless the test did.
func run[E component.Component](t testing.TB, e E, err error, h component.Host) E {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Start(context.Background(), h); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return e
}

// Package world is everything that takes part in an end-to-end run: the stand-in for Datadog, the real collector binary, a
// customer's browser, and a partner's service with the OpenTelemetry SDK. The demo and the end-to-end tests are built from it.
package world

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// ClientID is the partner's OAuth client in the example configurations that the world runs.
const ClientID = "demo-client-id"

// Customer is a tenant and the organisation that it has at Datadog.
type Customer struct {
	Tenant string
	Org    oauth.Org
}

// Options say what to run.
type Options struct {
	// Collector and Ctl are the binaries that `make build` wrote; Config is the collector's file.
	Collector, Ctl, Config string
	// Dir takes keysets, secrets, store and queue. It must exist and be empty.
	Dir string
	// Args go to the collector after --config.
	Args []string
	// Env goes to the collector besides the world's own variables.
	Env []string
	// Tenants on sites, in the order in which organisations are made: tenant, site parameter.
	Tenants [][2]string
}

// World is a running one. Close ends all of it.
type World struct {
	Standin   *standin.Server
	Collector *Collector
	Customers []Customer
	Log       *Log // of every collector that ran

	// Where the collector listens.
	PublicURL, AdminURL, OTLP, Health string

	opts         Options
	env          []string
	clientSecret string
	adminToken   string
	roots        *x509.CertPool
	direct       *http.Client
}

// Start brings everything up but the collector's customers: none is connected yet.
func Start(ctx context.Context, o Options) (_ *World, err error) {
	w := &World{Standin: standin.New(standin.Options{}), Log: &Log{}, opts: o}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	if err := w.startStandin(); err != nil {
		return nil, err
	}
	if err := w.writeFiles(ctx); err != nil {
		return nil, err
	}
	addrs, err := freeAddrs(4)
	if err != nil {
		return nil, err
	}
	_, publicPort, err := net.SplitHostPort(addrs[0])
	if err != nil {
		return nil, err
	}
	w.PublicURL, w.AdminURL = "https://localhost:"+publicPort, "http://"+addrs[1]
	w.OTLP, w.Health = addrs[2], "http://"+addrs[3]
	w.env = append([]string{
		"DEMO_DIR=" + o.Dir, "DEMO_CA=" + filepath.Join(o.Dir, "ca.pem"), "DEMO_PROXY=" + w.Standin.ProxyURL().String(),
		"DEMO_PUBLIC=" + addrs[0], "DEMO_PUBLIC_URL=" + w.PublicURL, "DEMO_ADMIN=" + addrs[1], "DEMO_OTLP=" + addrs[2], "DEMO_HEALTH=" + addrs[3],
	}, o.Env...)
	if err := w.addClient(); err != nil {
		return nil, err
	}
	if err := w.StartCollector(ctx); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *World) startStandin() error {
	if err := w.Standin.Start("127.0.0.1:0"); err != nil {
		return err
	}
	if err := w.Standin.StartControl("127.0.0.1:0"); err != nil {
		return err
	}
	for _, t := range w.opts.Tenants {
		org, err := w.Standin.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: t[1]}, Name: t[0] + " Inc."})
		if err != nil {
			return err
		}
		w.Customers = append(w.Customers, Customer{Tenant: t[0], Org: org})
	}
	return nil
}

// writeFiles makes what an operator would have: keysets, a client secret, an admin token, a certificate for the public listener.
func (w *World) writeFiles(ctx context.Context) error {
	w.clientSecret, w.adminToken = randomHex(24), randomHex(24)
	for _, name := range []string{"tokens", "keys"} {
		out, err := exec.CommandContext(ctx, w.opts.Ctl, "keyset", "create", "--out", w.path(name+".keyset.json")).CombinedOutput()
		if err != nil {
			return fmt.Errorf("datadogoauthctl keyset create: %w: %s", err, out)
		}
	}
	certPEM, keyPEM, err := selfSigned()
	if err != nil {
		return err
	}
	w.roots = x509.NewCertPool()
	w.roots.AppendCertsFromPEM(w.Standin.CAPEM())
	w.roots.AppendCertsFromPEM(certPEM)
	w.direct = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: w.roots}}, Timeout: 10 * time.Second}
	return errors.Join(
		os.WriteFile(w.path("client-secret"), []byte(w.clientSecret+"\n"), 0o600),
		os.WriteFile(w.path("admin-token"), []byte(w.adminToken+"\n"), 0o600),
		os.WriteFile(w.path("ca.pem"), w.Standin.CAPEM(), 0o600),
		os.WriteFile(w.path("public.crt"), certPEM, 0o600),
		os.WriteFile(w.path("public.key"), keyPEM, 0o600),
	)
}

// StartCollector runs the collector, again after a stop, and waits until its grants are loaded.
func (w *World) StartCollector(ctx context.Context) error {
	runs := strings.Count(w.Log.String(), runsText)
	c, err := startCollector(w.opts.Collector, w.opts.Config, w.opts.Args, w.env, w.Log)
	if err != nil {
		return err
	}
	w.Collector = c
	return w.awaitReady(ctx, runs)
}

// runsText is the collector's own word for the end of its start; before it a SIGTERM ends it at once.
const runsText = "Everything is ready. Begin running and processing data."

// addClient registers the partner's published client, with the redirect URL that the collector is configured with.
func (w *World) addClient() error {
	return w.Standin.OAuth().AddClient(oauth.Client{
		ID: ClientID, Secret: w.clientSecret, Name: "Demo Partner", RedirectURIs: []string{w.PublicURL + "/callback"},
		Scopes: []string{"api_keys_write", "timeseries_query", "logs_read_data", "apm_read"},
	})
}

// awaitReady waits until the collector has started once more than runs times, and has loaded its grants.
func (w *World) awaitReady(ctx context.Context, runs int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		status, _, err := w.admin(ctx, http.MethodGet, "/v1/ready", nil)
		if err == nil && status == http.StatusOK && strings.Count(w.Log.String(), runsText) > runs {
			return nil
		}
		select {
		case <-w.Collector.Done():
			return fmt.Errorf("the collector ended while it started:\n%s", w.Log.Tail(15))
		case <-ctx.Done():
			return fmt.Errorf("the collector is not ready (last answer %d, %w):\n%s", status, errors.Join(err, ctx.Err()), w.Log.Tail(15))
		case <-time.After(100 * time.Millisecond): // another process: nothing to wait on but its port
		}
	}
}

// Close ends the collector and the stand-in.
func (w *World) Close() error {
	var errs []error
	if w.Collector != nil {
		errs = append(errs, w.Collector.Stop())
	}
	return errors.Join(append(errs, w.Standin.Close())...)
}

// Secrets are all secrets of this world that no output may hold, apart from those in the keyset files.
func (w *World) Secrets() []oauth.Secret {
	return append(w.Standin.OAuth().Secrets(), oauth.Secret{Kind: "admin_token", Value: w.adminToken})
}

func (w *World) path(name string) string { return filepath.Join(w.opts.Dir, name) }

func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// selfSigned makes a certificate for localhost that lives as long as a demo might.
func selfSigned() (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(30 * 24 * time.Hour), BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), nil
}

// Package world is everything that takes part in an end-to-end run: the stand-in for Datadog, the real collector binary, a
// customer's browser, and a partner's service with the OpenTelemetry SDK. The demo and the end-to-end tests are built from it.
package world

import (
	"cmp"
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
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/partner"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// ClientID is the partner's OAuth client in the example configurations that the world runs.
const ClientID = "demo-client-id"

// unlimited lets a test ask as often as it likes from the one address that it has.
const unlimited = "--set=extensions.datadogoauth.admin.requests_per_minute=0"

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
	// Setup takes the place of Config.
	Setup *Setup
	// TicketAlgorithm starts a login service of the partner that signs tickets with it, RS256 or ES256, and a Setup's collectors believe it.
	TicketAlgorithm string
	// Sink takes the place of the stand-in's intakes. Nil is none.
	Sink http.Handler
	// Scopes are the client's; none are those of the example.
	Scopes []string
	// PublicHost is the name under which customers reach the collectors; empty is localhost. PartnerHost is another one that browsers find.
	PublicHost string
	// HistoryMax is how many requests the stand-in remembers; 0 is its default.
	HistoryMax int
}

// World is a running one. Close ends all of it.
//
// What needs a collector is done by the first one, unless a Node is asked.
type World struct {
	*Node
	Standin   *standin.Server
	Customers []Customer
	Partner   *partner.Login // nil without a TicketAlgorithm

	opts         Options
	nodes        []*Node // the first included
	clientSecret string
	adminToken   string
	roots        *x509.CertPool
	direct       *http.Client
	api          api
	senders      *http.Client // for many at once
}

// Start brings everything up but the collector's customers: none is connected yet.
func Start(ctx context.Context, o Options) (*World, error) {
	w, err := Prepare(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := w.StartCollector(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Prepare does all that Start does but launch the collector.
func Prepare(ctx context.Context, o Options) (_ *World, err error) {
	w := &World{Standin: standin.New(standin.Options{Sink: o.Sink, HistoryMax: o.HistoryMax}), opts: o}
	w.senders = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: 3 * time.Minute}
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
	if o.TicketAlgorithm != "" {
		if err := w.startPartner(); err != nil {
			return nil, err
		}
	}
	if o.Setup != nil {
		if w.Node, err = w.NewNode("first", *o.Setup); err == nil && w.Partner != nil {
			w.Partner.Return(w.PublicURL)
		}
		return w, err
	}
	if w.Node, err = w.newNode("first", o.Dir); err != nil {
		return nil, err
	}
	w.config, w.nodes = o.Config, []*Node{w.Node}
	w.args = append([]string{unlimited}, w.args...)
	return w, w.addClient()
}

// startPartner runs the partner's login with the certificate of the public listener, and leaves its public key beside it.
func (w *World) startPartner() error {
	cert, err := tls.LoadX509KeyPair(w.path("public.crt"), w.path("public.key"))
	if err != nil {
		return err
	}
	if w.Partner, err = partner.Start(cert, w.opts.TicketAlgorithm); err != nil {
		return err
	}
	public, err := w.Partner.PublicKeyPEM()
	if err != nil {
		return err
	}
	return os.WriteFile(w.path("tickets.pem"), public, 0o600)
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

// addClient registers the partner's published client, with the redirect URL of every collector.
func (w *World) addClient() error {
	c := oauth.Client{ID: ClientID, Secret: w.clientSecret, Name: "Demo Partner", Scopes: w.opts.Scopes}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"api_keys_write", "timeseries_query", "logs_read_data", "apm_read"}
	}
	for _, n := range w.nodes {
		c.RedirectURIs = append(c.RedirectURIs, n.PublicURL+"/callback")
	}
	return w.Standin.OAuth().AddClient(c)
}

// Close ends the collectors and the stand-in.
func (w *World) Close() error {
	errs := make([]error, len(w.nodes))
	var stops sync.WaitGroup
	for i, n := range w.nodes {
		if n.Collector != nil {
			stops.Go(func() { errs[i] = n.Collector.Stop() })
		}
	}
	stops.Wait()
	w.senders.CloseIdleConnections()
	if w.Partner != nil {
		errs = append(errs, w.Partner.Close())
	}
	return errors.Join(append(errs, w.Standin.Close())...)
}

// RotateClientSecret replaces the secret at Datadog, and in the files of the collectors with present. An empty present gives them the
// new one; the new one is returned.
func (w *World) RotateClientSecret(present string) (string, error) {
	secret, err := w.Standin.OAuth().RotateClientSecret(ClientID, "")
	if err != nil {
		return "", err
	}
	w.clientSecret = secret
	return secret, w.WriteClientSecret(cmp.Or(present, secret))
}

// WriteClientSecret puts a secret into the file of every collector that has one, as an operator does: by a rename.
func (w *World) WriteClientSecret(secret string) error {
	var errs []error
	for _, n := range w.nodes {
		if _, err := os.Stat(n.Path("client-secret")); err != nil {
			continue
		}
		errs = append(errs, n.write("client-secret.next", []byte(secret+"\n")), os.Rename(n.Path("client-secret.next"), n.Path("client-secret")))
	}
	return errors.Join(errs...)
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

// PartnerHost is a name of the partner's, of which a Browser knows that it is on this machine.
const PartnerHost = "connect.partner.example"

// selfSigned makes a certificate for localhost and PartnerHost that lives as long as a demo might.
func selfSigned() (certPEM, keyPEM []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost", PartnerHost},
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

// ClientSecret is the one that Datadog accepts.
func (w *World) ClientSecret() string { return w.clientSecret }

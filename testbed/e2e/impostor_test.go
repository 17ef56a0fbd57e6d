package e2e

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"
)

// impostor is the forward proxy of a collector. It leads on to another one, or plays Datadog by itself with whatever certificate and
// versions of TLS a test gives it, and keeps all that it is told then.
type impostor struct {
	url     *url.URL
	server  *http.Server
	serving sync.WaitGroup

	mu    sync.Mutex // guards what follows
	onTo  string     // the address of the next proxy
	play  *tls.Config
	tries int
	heard bytes.Buffer
}

func newImpostor(t *testing.T) *impostor {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &impostor{url: &url.URL{Scheme: "http", Host: l.Addr().String()}}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: time.Minute}
	p.serving.Go(func() { _ = p.server.Serve(l) }) // returns when the server is closed
	t.Cleanup(func() {
		if err := p.server.Close(); err != nil {
			t.Error(err)
		}
		p.serving.Wait()
	})
	return p
}

// leadTo has tunnels open at another proxy.
func (p *impostor) leadTo(proxy *url.URL) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onTo, p.play = proxy.Host, nil
}

// pretend has tunnels end here. What was heard before is forgotten.
func (p *impostor) pretend(c *tls.Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.play, p.tries = c, 0
	p.heard.Reset()
}

// told is how often somebody wanted to be connected since pretend, and what they said inside of TLS.
func (p *impostor) told() (tries int, heard string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tries, p.heard.String()
}

func (p *impostor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	onTo, play := p.onTo, p.play
	p.tries++
	p.mu.Unlock()
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	p.serving.Go(func() {
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(time.Minute)) // longer than any test has it open
		if play != nil {
			p.pretendTo(conn, play)
			return
		}
		next, err := net.Dial("tcp", onTo) //nolint:noctx // a test's own proxy
		if err != nil {
			return
		}
		defer next.Close()
		_, _ = io.WriteString(next, "CONNECT "+r.Host+" HTTP/1.1\r\nHost: "+r.Host+"\r\n\r\n")
		p.serving.Go(func() { _, _ = io.Copy(next, conn); _ = next.Close() })
		_, _ = io.Copy(conn, next)
	})
}

// pretendTo shows the certificate, and takes in one request.
func (p *impostor) pretendTo(conn net.Conn, c *tls.Config) {
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	inside := tls.Server(conn, c)
	defer inside.Close()
	req, err := http.ReadRequest(bufio.NewReader(inside))
	if err != nil {
		return
	}
	body, _ := io.ReadAll(req.Body)
	p.mu.Lock()
	p.heard.WriteString(req.Method + " " + req.URL.String() + "\n")
	_ = req.Header.Write(&p.heard)
	p.heard.Write(body)
	p.mu.Unlock()
	_, _ = io.WriteString(inside, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	der, key := certificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: rand.Text()}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, nil)
	var err error
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.key, a.pem = key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

// names makes a certificate for a host that is good until some time.
func (a *authority) names(t *testing.T, host string, until time.Time) tls.Certificate {
	t.Helper()
	der, key := certificate(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: host}, DNSNames: []string{host}, NotAfter: until, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func certificate(t *testing.T, template *x509.Certificate, by *authority) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore = big.NewInt(time.Now().UnixNano()), time.Now().Add(-2*time.Hour)
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

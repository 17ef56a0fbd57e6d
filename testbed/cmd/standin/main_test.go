package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

func TestRunServesUntilStandardInputEnds(t *testing.T) {
	t.Parallel()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	stdin, closeStdin := io.Pipe()
	stdout, out := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(t.Context(), []string{"-ca-out", ca, "-stdin-watch"}, stdin, out) }()
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var ready map[string]string
	if err := json.Unmarshal(line, &ready); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	pem, err := os.ReadFile(ready["ca_file"])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatalf("%s holds no certificate", ca)
	}
	proxy, err := url.Parse(ready["proxy_url"])
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport}
	resp, err := client.Get("https://api.uk1.datadoghq.com/api/v1/validate")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("validate without a key: %d, want 403", resp.StatusCode)
	}
	if resp, err = http.Get(ready["control_url"] + "/control/info"); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	closeStdin.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestRunRefusesBadFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-proxy", "0.0.0.0:0"}, {"-control", "nonsense"}, {"extra"}, {"-ca-out", filepath.Join(t.TempDir(), "missing", "ca.pem")}} {
		if err := run(t.Context(), args, nil, io.Discard); err == nil {
			t.Errorf("run(%q) succeeded", args)
		}
	}
}

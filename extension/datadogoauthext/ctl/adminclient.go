package ctl

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// admin is the admin listener of a running collector.
type admin struct {
	url, tokenFile, caFile string
	patience               time.Duration // how long the answer may stand still; 0: adminSilence
}

const (
	adminAnswerTimeout = 30 * time.Second // until the answer begins
	adminSilence       = 30 * time.Second // without a byte of it
	adminCutHint       = "the collector stopped in the middle, or something in between cut the answer short; run the command again"
	maxTokenBytes      = 4096
)

// download writes the archive that the collector makes of its store to w. The caller finds out whether it is whole.
func (a *admin) download(ctx context.Context, c *command, w io.Writer) error {
	at, err := a.endpoint("store", "archive")
	if err != nil {
		return c.misused("%w", err)
	}
	token, err := a.token()
	if err != nil {
		return c.fault(err, "write a token of the role operate, as the collector's configuration names it, into a file and name that with --token-file")
	}
	client, err := a.client()
	if err != nil {
		return c.fault(err, "name the PEM file of the authority that signed the certificate of the admin listener")
	}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return c.misused("%w", err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return c.fault(err, "make sure that the collector runs, and that the URL is that of its admin listener; --ca-file names the authority of its certificate")
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return c.fault(fmt.Errorf("%s: %s%s", at, statusText(response.StatusCode), detail(response.Body)), statusHint(response.StatusCode))
	}
	silence := cmp.Or(a.patience, adminSilence)
	watch := time.AfterFunc(silence, func() { cancel(fmt.Errorf("%s sent nothing for %s", at, silence)) })
	defer watch.Stop()
	_, err = io.Copy(w, io.TeeReader(response.Body, heard(func() { watch.Reset(silence) })))
	if err != nil {
		return c.fault(cmp.Or(context.Cause(ctx), err), adminCutHint)
	}
	return nil
}

// heard is called when something arrived.
type heard func()

func (h heard) Write(p []byte) (int, error) {
	h()
	return len(p), nil
}

// endpoint is the address of a path of the API. It refuses to send the token in clear over a network.
func (a *admin) endpoint(path ...string) (string, error) {
	u, err := url.Parse(a.url)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", errors.New("--admin: write the URL of the admin listener and nothing else, such as http://localhost:8445")
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("--admin: %s is not on this machine, so the token would cross the network in clear; use https", u.Hostname())
	}
	return u.JoinPath(append([]string{"v1"}, path...)...).String(), nil
}

func (a *admin) token() (string, error) {
	if a.tokenFile == "" {
		return "", errors.New("--token-file is missing")
	}
	file, err := os.Open(a.tokenFile)
	if err != nil {
		return "", err
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, maxTokenBytes))
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(raw))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", fmt.Errorf("%s holds no token", a.tokenFile)
	}
	return token, nil
}

// client follows no redirect and uses no proxy of the environment: the token is for this collector alone.
func (a *admin) client() (*http.Client, error) {
	settings := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.caFile != "" {
		raw, err := os.ReadFile(a.caFile)
		if err != nil {
			return nil, err
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%s holds no certificate in PEM", a.caFile)
		}
	}
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: settings, ResponseHeaderTimeout: adminAnswerTimeout, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// statusText is a status in the words of RFC 9110, not in those of whoever answers.
func statusText(status int) string {
	return strings.TrimSpace(fmt.Sprint(status, " ", http.StatusText(status)))
}

// detail is what a problem (RFC 9457) says, bounded.
func detail(body io.Reader) string {
	var problem struct {
		Detail string `json:"detail"`
	}
	const most = 300
	raw, _ := io.ReadAll(io.LimitReader(body, 4<<10))
	if json.Unmarshal(raw, &problem) != nil || problem.Detail == "" {
		return ""
	}
	return fmt.Sprintf(": %.*q", most, problem.Detail)
}

func statusHint(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "the token in --token-file is none of the collector's admin tokens"
	case http.StatusForbidden:
		return "this needs a token of the role operate"
	case http.StatusNotFound:
		return "this is not the admin listener of a collector with the datadogoauth extension, or one of an older version"
	case http.StatusServiceUnavailable:
		return "the collector has not loaded its store yet; run the command again when it is ready"
	default:
		return "look into the collector's log"
	}
}

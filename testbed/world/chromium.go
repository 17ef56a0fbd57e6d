package world

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// ChromiumFlags are the switches, name to value, with which a Chromium reaches this world and nothing else: all but loopback
// goes through the stand-in's proxy, which knows no host but Datadog's.
//
// Chromium takes no file of authorities on Linux. So each key that the public listener and the hosts show to a client that does
// verify them is named, and any other certificate still fails. That switch needs --user-data-dir beside it.
// https://chromium.googlesource.com/chromium/src/+/main/services/network/public/cpp/network_switches.cc
func (w *World) ChromiumFlags(ctx context.Context, hosts ...string) (map[string]string, error) {
	b, err := NewBrowser(w.Standin.ProxyURL(), w.roots)
	if err != nil {
		return nil, err
	}
	defer b.client.CloseIdleConnections()
	origins := []string{w.PublicURL}
	for _, h := range hosts {
		origins = append(origins, "https://"+h)
	}
	var pins []string
	for _, origin := range origins {
		pin, err := b.pin(ctx, origin)
		if err != nil {
			return nil, err
		}
		pins = append(pins, pin)
	}
	return map[string]string{
		"proxy-server":                        w.Standin.ProxyURL().Host,
		"ignore-certificate-errors-spki-list": strings.Join(pins, ","),
	}, nil
}

// pin is the base64 of the SHA-256 of the key that origin shows (RFC 7469 §2.4), once its certificate was verified.
func (b *Browser) pin(ctx context.Context, origin string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, origin, nil)
	if err != nil {
		return "", err
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("read the certificate of %s: %w", origin, err)
	}
	defer resp.Body.Close()
	sum := sha256.Sum256(resp.TLS.PeerCertificates[0].RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:]), nil
}

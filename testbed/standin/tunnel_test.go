package standin_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// A tunnel that is held back keeps a client from sending anything, and other faults leave tunnels alone.
func TestATunnelCanBeHeldBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	held := w.fault(faults.Fault{Method: http.MethodConnect, Host: "api.datadoghq.eu", Hang: true, Count: 1})
	w.fault(faults.Fault{Site: "datadoghq.eu", LatencyMS: 1})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", "https://api.datadoghq.eu/api/v1/validate", nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		resp, err := w.client.Do(req)
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}()
	if err := w.Faults().Await(t.Context(), held.ID, 1); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err == nil {
		t.Error("a request came through a tunnel that was held back")
	}
	if n := len(w.History().List(history.Filter{Purpose: "api"})); n != 0 {
		t.Errorf("%d requests reached Datadog", n)
	}
	w.client = w.httpClient(true)
	if r := w.do("GET", "https://api.datadoghq.eu/api/v1/validate", ""); r.status != http.StatusForbidden {
		t.Errorf("after the fault was used up: %d", r.status)
	}
}

func TestHistoryTellsClientsOfOneProxyApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	proxy := *w.ProxyURL()
	proxy.User = url.UserPassword("first", "none")
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(w.CAPEM())
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Proxy: http.ProxyURL(&proxy), TLSClientConfig: &tls.Config{RootCAs: roots}}}
	t.Cleanup(client.CloseIdleConnections)
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://api.datadoghq.eu/api/v1/validate", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	w.do("GET", "https://api.datadoghq.eu/api/v1/validate", "")
	if entries, err := w.History().Await(t.Context(), 2, history.Filter{}); err != nil || entries[0].Via != "first" || entries[1].Via != "" {
		t.Errorf("%+v, %v", entries, err)
	}
}

// The notes of the token endpoint let a run follow a grant from token to token.
func TestHistoryFollowsRefreshTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	_, refresh := w.connect(w.eu1)
	if n := w.OAuth().LiveTokens(w.eu1.OrgRef); n != 2 {
		t.Errorf("%d tokens work after a consent, 2 are right", n)
	}
	w.post(tokenURL(w.eu1.Site), refreshForm(refresh))
	w.post(tokenURL(w.eu1.Site), refreshForm(refresh)) // again: the grant ends
	calls := w.History().List(history.Filter{Path: "/oauth2/v1/token"})
	if len(calls) != 3 {
		t.Fatalf("%d calls", len(calls))
	}
	first, second, third := calls[0].Notes, calls[1].Notes, calls[2].Notes
	if first[oauth.NoteIssued] == "" || second[oauth.NoteUsed] != first[oauth.NoteIssued] || second[oauth.NoteIssued] == second[oauth.NoteUsed] ||
		second[oauth.NoteReplay] != "" || second[oauth.NoteAccess] == "" || second[oauth.NoteOrg] != w.eu1.ID {
		t.Errorf("the first refresh: %v after %v", second, first)
	}
	if third[oauth.NoteUsed] != second[oauth.NoteUsed] || third[oauth.NoteReplay] != "true" || third[oauth.NoteIssued] != "" || third[oauth.NoteOrg] != w.eu1.ID {
		t.Errorf("the replay: %v", third)
	}
	if n := w.OAuth().LiveTokens(w.eu1.OrgRef); n != 0 {
		t.Errorf("%d tokens work after a replay, 0 are right", n)
	}
}

// Once a client is gone and the stand-in is quiet, what the client had sent is in the history.
func TestQuietIsAfterTheLastRequest(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{true, false} {
		w := newWorld(t, standin.Options{})
		w.client = w.httpClient(http2)
		slow := w.fault(faults.Fault{Path: "/api/v1/validate", LatencyMS: 100})
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = w.try("GET", "https://api.datadoghq.eu/api/v1/validate", "")
			w.client.CloseIdleConnections()
		}()
		if err := w.Faults().Await(t.Context(), slow.ID, 1); err != nil {
			t.Fatal(err)
		}
		soon, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if w.AwaitQuiet(soon) == nil && len(w.History().List(history.Filter{Fault: slow.ID})) == 0 {
			t.Error("quiet while a request is being answered")
		}
		cancel()
		if err := w.AwaitQuiet(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(w.History().List(history.Filter{Fault: slow.ID})); n != 1 {
			t.Errorf("quiet, and the history has %d requests", n)
		}
		<-done
	}
}

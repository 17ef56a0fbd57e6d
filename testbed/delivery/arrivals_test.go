package delivery_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

func TestWhatTheIntakesTakeIsNotedAndNothingElse(t *testing.T) {
	t.Parallel()
	a := delivery.NewArrivals()
	server := standin.New(standin.Options{Sink: a})
	t.Cleanup(func() { server.Close() })
	a.PassTo(server.Intake())
	org, err := server.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "datadoghq.eu"}, Name: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := server.OAuth().AddKey(org.OrgRef)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(server.ProxyHandler())
	t.Cleanup(proxy.Close)
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.CAPEM())
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Proxy: http.ProxyURL(u), TLSClientConfig: &tls.Config{RootCAs: roots}}}
	post := func(key, encoding string, ids ...delivery.ID) int {
		t.Helper()
		var body bytes.Buffer
		switch text := "[" + message(ids) + "]"; encoding {
		case "gzip":
			w := gzip.NewWriter(&body)
			_, _ = w.Write([]byte(text))
			_ = w.Close()
		case "zstd":
			w, _ := zstd.NewWriter(&body)
			_, _ = w.Write([]byte(text))
			_ = w.Close()
		default:
			body.WriteString(text)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://http-intake.logs.datadoghq.eu/api/v2/logs", &body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("DD-API-KEY", key)
		req.Header.Set("Content-Type", "application/json")
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if got := []int{post(key, "", 1, 2), post(key, "gzip", 3), post("wrong", "", 4)}; !slices.Equal(got, []int{202, 202, 403}) {
		t.Fatalf("statuses %v", got)
	}
	a.NextRun()
	if _, err := server.Faults().Add(faults.Fault{Path: "/api/v2/logs", Lose: true, Count: 1}); err != nil {
		t.Fatal(err)
	}
	if got := []int{post(key, "zstd", 2, 5), post(key, "zstd", 6)}; !slices.Equal(got, []int{0, 202}) {
		t.Fatalf("statuses %v", got)
	}
	if err := a.Await(t.Context(), []delivery.ID{1, 2, 3, 5, 6}); err != nil {
		t.Fatal(err)
	}
	if got := a.Missing([]delivery.ID{3, 4}); !slices.Equal(got, []delivery.ID{4}) {
		t.Errorf("missing %v", got)
	}
	if first, again := a.Body(1), a.Body(3); !slices.Equal(a.Of(2), []int{1, 3}) || first.Run != 0 || again.Run != 1 || first.Key != key || again.Path != "/api/v2/logs" {
		t.Errorf("item 2 is in bodies %v: %+v, %+v", a.Of(2), first, again)
	}
	if b, err := a.AwaitBody(t.Context(), 2, func(b delivery.Body) bool { return slices.Contains(b.IDs, 6) }); err != nil || b.Number != 4 {
		t.Errorf("%+v, %v", b, err)
	}
	var notes []string
	for _, e := range server.History().List(history.Filter{Path: "/api/v2/logs"}) {
		notes = append(notes, e.Notes[delivery.NoteBody])
	}
	if want := []string{"1", "2", "", "3", "4"}; !slices.Equal(notes, want) {
		t.Errorf("notes %q, want %q", notes, want)
	}
	if got := server.Intake().Counts(org.ID); got != (intake.Counts{Logs: 6}) || a.Err() != nil {
		t.Errorf("the intakes have %+v, %v", got, a.Err())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := a.Await(ctx, []delivery.ID{4}); err == nil {
		t.Error("an item that was refused is said to have arrived")
	}
}

func message(ids []delivery.ID) (all string) {
	for i, id := range ids {
		if i > 0 {
			all += ","
		}
		all += `{"message":"` + id.String() + `"}`
	}
	return all
}

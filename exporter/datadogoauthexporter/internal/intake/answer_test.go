package intake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// everyFamily is a request of one item for each family that is sent.
func everyFamily() []*intake.Request {
	var all []*intake.Request
	for f := range intake.Family(intake.NumFamilies) {
		item := "{},"
		if f == intake.Stats {
			item = intake.StatsItemMark(false)
		}
		if f.Known() && f != intake.Incidents {
			all = append(all, of(f, item))
		}
	}
	return all
}

// page is what a captive portal, or a proxy, answers with.
const page = "<!DOCTYPE html>\n<html><title>Welcome to our network</title></html>"

// TestASuccessOfAPageIsNoDelivery: whoever answers with a page is no intake, whatever its status says.
func TestASuccessOfAPageIsNoDelivery(t *testing.T) {
	t.Parallel()
	for _, media := range []string{"text/html; charset=utf-8", "TEXT/HTML", "application/xhtml+xml", "", "application/octet-stream"} {
		in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
			w.Header()["Content-Type"] = []string{media}
			_, _ = io.WriteString(w, "\ufeff\r\n "+page)
		})
		for _, r := range everyFamily() {
			b := &books{}
			err := sender(in, b).Send(t.Context(), grant(t, false), r)
			if err == nil || b.delivered != 0 || !strings.Contains(err.Error(), "proxy") {
				t.Fatalf("%q: %s: delivered %d, %v", media, r.Family, b.delivered, err)
			}
			if r.Family == intake.Events { // a proxy may have let it through, and have lost the answer
				if b.dropped[intake.ReasonOutcomeUnknown] != 1 {
					t.Fatalf("%q: %s: dropped %v", media, r.Family, b.dropped)
				}
				continue
			}
			var unsent *intake.Unsent
			if !errors.As(err, &unsent) || !unsent.Down || unsent.Left.Count() != 1 || len(b.dropped) != 0 {
				t.Fatalf("%q: %s: %+v, dropped %v", media, r.Family, unsent, b.dropped)
			}
		}
	}
}

func TestASuccessWithoutJSONIsADelivery(t *testing.T) {
	t.Parallel()
	for media, body := range map[string]string{"": "", "text/plain": "OK", "application/json": `{"status":"ok"}`, "application/x-protobuf": "", "text/json": "{}"} {
		in, b := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
			w.Header()["Content-Type"] = []string{media}
			_, _ = io.WriteString(w, body)
		}), &books{}
		if err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Traces, "1")); err != nil || b.delivered != 1 {
			t.Errorf("%q: delivered %d, %v", media, b.delivered, err)
		}
	}
}

// TestAnAnswerThatDoesNotEndKeepsNobody has answers that trickle, and answers that flood, for ever.
func TestAnAnswerThatDoesNotEndKeepsNobody(t *testing.T) {
	t.Parallel()
	const maxRead = 64<<10 + 48<<10 // and what is on its way when reading ends
	trickle := func(w http.ResponseWriter, done <-chan struct{}) {
		for {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-done:
				return
			case <-time.After(time.Second): // the peer's own pace
			}
		}
	}
	flood := func(w http.ResponseWriter, _ <-chan struct{}) {
		for piece := bytes.Repeat([]byte(" "), 4096); ; {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}
	for name, write := range map[string]func(http.ResponseWriter, <-chan struct{}){"trickle": trickle, "flood": flood} {
		for _, status := range []int{202, 400, 403, 413, 503} {
			t.Run(fmt.Sprint(name, status), func(t *testing.T) {
				t.Parallel()
				over := make(chan struct{})
				in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
					w.WriteHeader(status)
					write(w, over)
				})
				client := in.client()
				transport, read := client.Transport.(*http.Transport), new(atomic.Int64)
				dial := transport.DialContext
				transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
					conn, err := dial(ctx, network, address)
					return &counted{conn, read}, err
				}
				t.Cleanup(func() { close(over); client.CloseIdleConnections() })
				b := &books{}
				s := intake.NewSender(intake.Settings{Client: client, Timeout: 20 * time.Second, Observer: b})
				began := time.Now()
				err := s.Send(t.Context(), grant(t, false), of(intake.Traces, "1"))
				if took := time.Since(began); took > 4*time.Second {
					t.Errorf("the worker was kept for %v", took)
				}
				if n := read.Load(); n > maxRead {
					t.Errorf("%d bytes were read", n)
				}
				switch { // the status alone decides
				case status == 202 && (err != nil || b.delivered != 1),
					status == 400 && b.dropped[intake.ReasonRejected] != 1,
					status == 413 && b.dropped[intake.ReasonTooLarge] != 1,
					status == 403 && !errors.As(err, new(*intake.Unsent)),
					status == 503 && !errors.As(err, new(*intake.Unsent)):
					t.Errorf("delivered %d, dropped %v, %v", b.delivered, b.dropped, err)
				}
			})
		}
	}
}

// counted is a connection that counts what is read from it.
type counted struct {
	net.Conn
	read *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read.Add(int64(n))
	return n, err
}

// TestNoFamilyFollowsARedirect: neither the key nor the data goes elsewhere, and nothing is lost.
func TestNoFamilyFollowsARedirect(t *testing.T) {
	t.Parallel()
	var status atomic.Int64
	in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
		w.Header().Set("Location", "https://elsewhere.example/api/v2/series")
		w.Header().Set("Set-Cookie", "session=1")
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(int(status.Load()))
		_, _ = io.WriteString(w, page)
	})
	calls := 0
	for _, code := range []int64{301, 302, 303, 307, 308} {
		status.Store(code)
		for _, r := range everyFamily() {
			b := &books{}
			err := sender(in, b).Send(t.Context(), grant(t, false), r)
			calls++
			var unsent *intake.Unsent
			if !errors.As(err, &unsent) || unsent.Left.Count() != 1 || b.delivered != 0 || len(b.dropped) != 0 {
				t.Fatalf("%d, %s: %v, dropped %v", code, r.Family, err, b.dropped)
			}
		}
	}
	all := in.all()
	if len(all) != calls {
		t.Errorf("%d calls, want %d", len(all), calls)
	}
	for _, c := range all {
		if c.host == "elsewhere.example" {
			t.Fatal("a redirect was followed")
		}
	}
}

// TestNothingThatAPeerWritesIsInAnError: it may repeat what it was sent.
func TestNothingThatAPeerWritesIsInAnError(t *testing.T) {
	t.Parallel()
	const word = "shibboleth"
	for name, raw := range map[string]string{
		"texts":           "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n\r\n{\"errors\":[\"invalid tag " + word + "\"]}",
		"objects":         "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n\r\n{\"errors\":[{\"title\":\"" + word + "\",\"detail\":\"" + word + "\"}]}",
		"another form":    "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n\r\n{\"" + word + "\":\"" + word + "\"}",
		"plain text":      "HTTP/1.1 %d X\r\nContent-Type: text/plain\r\n\r\n" + word,
		"a page":          "HTTP/1.1 %d X\r\nContent-Type: text/html\r\n\r\n<html>" + word,
		"a media type":    "HTTP/1.1 %d X\r\nContent-Type: " + word + "/" + word + "\r\n\r\n" + word,
		"protobuf":        "HTTP/1.1 %d X\r\nContent-Type: application/x-protobuf\r\n\r\n\x12\x0a" + word,
		"partial success": "HTTP/1.1 %d X\r\nContent-Type: application/x-protobuf\r\n\r\n\x0a\x0e\x08\x01\x12\x0a" + word,
		"a reason":        "HTTP/1.1 %d " + word + "\r\n\r\n",
		"a location":      "HTTP/1.1 302 X\r\nLocation: https://" + word + ":x:y/\r\n\r\n",
		"a status line":   word + " %d\r\n\r\n",
		"a header line":   "HTTP/1.1 %d X\r\n" + word + "\r\n\r\n",
		"a length":        "HTTP/1.1 %d X\r\nContent-Length: " + word + "\r\n\r\n",
		"a coding":        "HTTP/1.1 %d X\r\nTransfer-Encoding: " + word + "\r\n\r\n",
	} {
		for _, status := range []int{202, 400, 403, 404, 413, 429, 503} {
			in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				_, _ = io.WriteString(conn, strings.Replace(raw, "%d", strconv.Itoa(status), 1))
			})
			b := &books{}
			err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.OTLPTraces, "1"))
			if err != nil && strings.Contains(err.Error(), word) || strings.Contains(strings.Join(b.complaints, " "), word) {
				t.Errorf("%s, %d: %v, %q", name, status, err, b.complaints)
			}
		}
	}
}

// TestWhatDatadogIsKnownToSayIsNamed: an operator has to know why.
func TestWhatDatadogIsKnownToSayIsNamed(t *testing.T) {
	t.Parallel()
	in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"errors":["Payload too large: 'host:secret' has an invalid Timestamp"]}`)
	})
	err := sender(in, &books{}).Send(t.Context(), grant(t, false), of(intake.Traces, "1"))
	if err == nil || !strings.Contains(err.Error(), `"payload too large"`) || !strings.Contains(err.Error(), `"timestamp"`) || strings.Contains(err.Error(), "secret") {
		t.Fatal(err)
	}
}

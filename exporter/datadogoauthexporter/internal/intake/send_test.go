package intake_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

const testKey = "0123456789abcdef0123456789abcdef"

// call is what an intake was sent.
type call struct {
	host, path, key, encoding, contentType, userAgent string
	body                                              []byte
}

// fakeIntake answers for every host of Datadog. answer is called after the body was read.
type fakeIntake struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call // guarded by mu
}

func newIntake(t *testing.T, answer func(w http.ResponseWriter, c call, n int)) *fakeIntake {
	t.Helper()
	in := &fakeIntake{}
	in.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read body: %v", err)
		}
		c := call{r.Host, r.URL.Path, r.Header.Get("DD-API-KEY"), r.Header.Get("Content-Encoding"), r.Header.Get("Content-Type"), r.UserAgent(), unpack(t, r.Header.Get("Content-Encoding"), raw)}
		if int64(len(raw)) != r.ContentLength {
			t.Errorf("Content-Length %d, body has %d", r.ContentLength, len(raw))
		}
		in.mu.Lock()
		in.calls = append(in.calls, c)
		n := len(in.calls)
		in.mu.Unlock()
		answer(w, c, n)
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *fakeIntake) all() []call {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]call(nil), in.calls...)
}

// client dials the fake intake whatever the host is.
func (in *fakeIntake) client() *http.Client {
	roots := in.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", in.Listener.Addr().String())
		},
	}}
}

func unpack(t *testing.T, encoding string, raw []byte) []byte {
	t.Helper()
	var in io.Reader = bytes.NewReader(raw)
	switch encoding {
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			t.Errorf("gzip: %v", err)
			return nil
		}
		in = z
	case "zstd":
		z, err := zstd.NewReader(in)
		if err != nil {
			t.Errorf("zstd: %v", err)
			return nil
		}
		defer z.Close()
		in = z
	}
	out, err := io.ReadAll(in)
	if err != nil {
		t.Errorf("unpack %s: %v", encoding, err)
	}
	return out
}

// books is an observer that keeps the figures.
type books struct {
	mu         sync.Mutex
	delivered  int
	dropped    map[intake.Reason]int
	complaints []string
	outcomes   []string
	// tooMany counts the bodies of more than most items, if that is not 0.
	most, tooMany int
}

func (b *books) Sent(_ intake.Family, outcome string, _ time.Duration, _, _ int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes = append(b.outcomes, outcome)
}

func (b *books) Delivered(_ intake.Family, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.delivered += n
	if b.most > 0 && n > b.most {
		b.tooMany++
	}
}

func (b *books) Dropped(_ intake.Family, why intake.Reason, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dropped == nil {
		b.dropped = map[intake.Reason]int{}
	}
	b.dropped[why] += n
}

func (b *books) Complained(_ *intake.Request, texts []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.complaints = append(b.complaints, texts...)
}

func sender(in *fakeIntake, b *books) *intake.Sender {
	return intake.NewSender(intake.Settings{
		Client: in.client(), UserAgent: "otelcol-datadogoauth/1.2.3", TracesHeader: []byte("HEAD"),
		StatsEnvelope: intake.StatsEnvelope{Before: []byte("BEFORE"), After: []byte("AFTER")}, Timeout: 20 * time.Second, MaxWait: time.Minute, Observer: b,
	})
}

func grant(t *testing.T, fresh bool) *credential.Credential {
	t.Helper()
	c, err := credential.New("acme", credential.Org{Client: "main", Site: "us5.datadoghq.com", ID: "o1"}, testKey, 7, func() bool { return fresh })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// of makes a request whose items are the given texts, each counting one.
func of(f intake.Family, texts ...string) *intake.Request {
	var p intake.Payload
	for _, s := range texts {
		p.Body = append(p.Body, s...)
		p.EndItem(1, 0)
	}
	return intake.NewRequest("acme", "main/us5.datadoghq.com/o1", f, p)
}

func accept(w http.ResponseWriter, _ call, _ int) { w.WriteHeader(http.StatusAccepted) }

func TestFraming(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		r    *intake.Request
		want call
	}{
		{of(intake.Series, "one", "two"), call{"api.us5.datadoghq.com", "/api/v2/series", testKey, "zstd", "application/x-protobuf", "", []byte("onetwo")}},
		{of(intake.Sketches, "one", "two"), call{"api.us5.datadoghq.com", "/api/beta/sketches", testKey, "zstd", "application/x-protobuf", "", []byte("onetwo\x12\x00")}},
		{of(intake.Logs, "{},", "{},"), call{"http-intake.logs.us5.datadoghq.com", "/api/v2/logs", testKey, "zstd", "application/json", "", []byte("[{},{}]")}},
		{of(intake.Traces, "one", "two"), call{"trace.agent.us5.datadoghq.com", "/api/v0.2/traces", testKey, "gzip", "application/x-protobuf", "", []byte("HEADonetwo")}},
		{of(intake.Stats, "\xde\x00\x10", "\xde\x00\x10"), call{"trace.agent.us5.datadoghq.com", "/api/v0.2/stats", testKey, "gzip", "application/msgpack", "",
			[]byte("BEFORE\xdd\x00\x00\x00\x02\xde\x00\x10\xde\x00\x10AFTER\xc2")}},
		{of(intake.Stats, "\xde\x00\x10", "\xdf\x00\x00\x00\x10"), call{"trace.agent.us5.datadoghq.com", "/api/v0.2/stats", testKey, "gzip", "application/msgpack", "",
			[]byte("BEFORE\xdd\x00\x00\x00\x02\xde\x00\x10\xdf\x00\x00\x00\x10AFTER\xc3")}}, // one of several bodies
		{of(intake.Checks, "{},", "{},"), call{"api.us5.datadoghq.com", "/api/v1/check_run", testKey, "", "application/json", "", []byte("[{},{}]")}},
		{of(intake.OTLPMetrics, "one", "two"), call{"otlp.us5.datadoghq.com", "/v1/metrics", testKey, "gzip", "application/x-protobuf", "", []byte("onetwo")}},
		{of(intake.OTLPLogs, "one", "two"), call{"otlp.us5.datadoghq.com", "/v1/logs", testKey, "gzip", "application/x-protobuf", "", []byte("onetwo")}},
		{of(intake.OTLPTraces, "one", "two"), call{"otlp.us5.datadoghq.com", "/v1/traces", testKey, "gzip", "application/x-protobuf", "", []byte("onetwo")}},
		{of(intake.PublicSpans, "{}\n", "{}\n"), call{"trace.browser-intake-us5-datadoghq.com", "/api/v2/spans", testKey, "gzip", "text/plain;charset=UTF-8", "", []byte("{}\n{}")}},
	} {
		t.Run(c.r.Family.String(), func(t *testing.T) {
			t.Parallel()
			in, b := newIntake(t, accept), &books{}
			if err := sender(in, b).Send(t.Context(), grant(t, false), c.r); err != nil {
				t.Fatal(err)
			}
			got := in.all()
			c.want.userAgent = "otelcol-datadogoauth/1.2.3"
			if len(got) != 1 || !equal(got[0], c.want) {
				t.Fatalf("got %+v, want %+v", got, c.want)
			}
			if b.delivered != 2 {
				t.Fatalf("delivered %d", b.delivered)
			}
		})
	}
}

// TestStatsAreCutByGroups: 4,000 groups a body, whatever the number of items.
func TestStatsAreCutByGroups(t *testing.T) {
	t.Parallel()
	var p intake.Payload
	for _, groups := range []int{1500, 1500, 1000, 1, 3000, 4000} {
		p.Body = append(p.Body, intake.StatsItemMark(true)...)
		p.EndItem(groups, 0)
	}
	in, b := newIntake(t, accept), &books{}
	if err := sender(in, b).Send(t.Context(), grant(t, false), intake.NewRequest("acme", "main/us5.datadoghq.com/o1", intake.Stats, p)); err != nil {
		t.Fatal(err)
	}
	var items []int
	for _, c := range in.all() {
		items = append(items, bytes.Count(c.body, []byte(intake.StatsItemMark(true))))
	}
	if !slices.Equal(items, []int{3, 2, 1}) || b.delivered != 11001 {
		t.Errorf("bodies of %d items, %d groups delivered", items, b.delivered)
	}
}

func equal(a, b call) bool {
	same := bytes.Equal(a.body, b.body)
	a.body, b.body = nil, nil
	return same && a.host == b.host && a.path == b.path && a.key == b.key && a.encoding == b.encoding && a.contentType == b.contentType && a.userAgent == b.userAgent
}

// TestAnswers has each class of answers for each family.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status    int
		header    http.Header
		date      time.Duration // of a Retry-After, from the answer on
		fresh     bool
		permanent bool
		refused   bool
		recoded   bool // tried with gzip besides, where it was zstd
		unknown   bool // of what must not arrive twice nobody knows whether it did
		wait      time.Duration
	}{
		"400 is permanent":                       {status: 400, permanent: true, recoded: true},
		"401 is permanent":                       {status: 401, permanent: true},
		"404 is permanent":                       {status: 404, permanent: true},
		"415 is permanent":                       {status: 415, permanent: true, recoded: true},
		"403 with an old key holds":              {status: 403, refused: true},
		"403 with a fresh key is tried again":    {status: 403, fresh: true},
		"407 is a proxy's, and tried again":      {status: 407},
		"408 is tried again":                     {status: 408, unknown: true},
		"429 waits as asked":                     {status: 429, header: http.Header{"Retry-After": {"7"}}, wait: 7 * time.Second},
		"429 waits until a date":                 {status: 429, date: 40 * time.Second},
		"503 waits until a date":                 {status: 503, date: 40 * time.Second, unknown: true},
		"a date far ahead is bounded":            {status: 429, header: http.Header{"Retry-After": {"Fri, 31 Dec 2100 23:59:59 GMT"}}, wait: time.Minute},
		"429 waits for the next period":          {status: 429, header: http.Header{"X-Ratelimit-Reset": {"9"}}, wait: 9 * time.Second},
		"429 with a wait that cannot be read":    {status: 429, header: http.Header{"Retry-After": {"soon"}, "X-Ratelimit-Reset": {"9"}}, wait: 9 * time.Second},
		"a date is no number":                    {status: 429, header: http.Header{"Retry-After": {"Mon, 02 Jan 2006 15:04:05 GMT"}, "X-Ratelimit-Reset": {"9"}}},
		"a wait is bounded":                      {status: 429, header: http.Header{"Retry-After": {"86400"}}, wait: time.Minute},
		"a date in the past is no wait":          {status: 503, header: http.Header{"Retry-After": {"Mon, 02 Jan 2006 15:04:05 GMT"}}, unknown: true},
		"500 is tried again":                     {status: 500, unknown: true},
		"502 is tried again":                     {status: 502, unknown: true},
		"503 is tried again":                     {status: 503, unknown: true},
		"504 is tried again":                     {status: 504, unknown: true},
		"a redirect is an error, never followed": {status: 307, header: http.Header{"Location": {"https://evil.example/"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, r := range everyFamily() {
				in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
					for k, v := range c.header {
						w.Header()[k] = v
					}
					if c.date > 0 {
						w.Header().Set("Retry-After", time.Now().Add(c.date).UTC().Format(http.TimeFormat))
					}
					w.WriteHeader(c.status)
					_, _ = io.WriteString(w, `{"errors":["Forbidden: `+testKey+`"]}`)
				})
				b := &books{}
				err := sender(in, b).Send(t.Context(), grant(t, c.fresh), r)
				lost := c.unknown && r.Family == intake.Events
				if err == nil || consumererror.IsPermanent(err) != (c.permanent || lost) {
					t.Fatalf("%s: permanent %t: %v", r.Family, consumererror.IsPermanent(err), err)
				}
				if strings.Contains(err.Error(), testKey) || strings.Contains(err.Error(), testKey[:20]) {
					t.Fatalf("%s: the key is in the error: %v", r.Family, err)
				}
				calls, encodings := in.all(), ""
				for _, c := range calls {
					encodings += c.encoding + " "
				}
				if again := c.recoded && calls[0].encoding == "zstd"; !strings.Contains(err.Error(), `with "forbidden"`) || again != (encodings == "zstd gzip ") || !again && len(calls) != 1 {
					t.Fatalf("%s: sent as %s, %v", r.Family, encodings, err)
				}
				var unsent *intake.Unsent
				if c.permanent || lost {
					why := intake.ReasonRejected
					if lost {
						why = intake.ReasonOutcomeUnknown
					}
					if b.dropped[why] != 1 || errors.As(err, &unsent) {
						t.Fatalf("%s: dropped %v", r.Family, b.dropped)
					}
					continue
				}
				if !errors.As(err, &unsent) || unsent.Refused != c.refused || unsent.Untried || unsent.Left.Count() != 1 {
					t.Fatalf("%s: got %+v", r.Family, unsent)
				}
				if least := max(c.wait, c.date-20*time.Second); unsent.Wait < least || unsent.Wait > max(c.wait, c.date) {
					t.Fatalf("%s: waits %s", r.Family, unsent.Wait)
				}
			}
		})
	}
}

// TestWhatIsTakenAsGzipIsNotRejected: an intake that answers 415 to zstd, in JSON, gets the same body as gzip.
func TestWhatIsTakenAsGzipIsNotRejected(t *testing.T) {
	t.Parallel()
	asZstd := 0
	for _, r := range everyFamily() {
		in := newIntake(t, func(w http.ResponseWriter, c call, _ int) {
			if c.encoding == "zstd" {
				w.WriteHeader(http.StatusUnsupportedMediaType)
				_, _ = io.WriteString(w, `{"errors":["Unsupported media type"]}`)
				return
			}
			w.WriteHeader(http.StatusAccepted)
		})
		b := &books{}
		if err := sender(in, b).Send(t.Context(), grant(t, false), r); err != nil || b.delivered != 1 || len(b.dropped) > 0 {
			t.Errorf("%s: delivered %d, dropped %v, %v", r.Family, b.delivered, b.dropped, err)
		}
		if calls := in.all(); calls[0].encoding == "zstd" {
			asZstd++
			if len(calls) != 2 || calls[1].encoding != "gzip" || !bytes.Equal(calls[0].body, calls[1].body) {
				t.Errorf("%s: %d calls", r.Family, len(calls))
			}
		}
	}
	if asZstd < 3 {
		t.Errorf("%d families are sent as zstd", asZstd)
	}
}

func TestTooLargeIsHalvedUntilItFits(t *testing.T) {
	t.Parallel()
	in := newIntake(t, func(w http.ResponseWriter, c call, _ int) {
		if len(c.body) > 6 { // "[" + one item + "]" fits, and no second one
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	b := &books{}
	r := of(intake.Logs, `"a",`, `"b",`, `"this one never fits",`, `"d",`, `"e",`)
	if err := sender(in, b).Send(t.Context(), grant(t, false), r); err != nil {
		t.Fatal(err)
	}
	if b.delivered != 4 || b.dropped[intake.ReasonTooLarge] != 1 {
		t.Fatalf("delivered %d, dropped %v", b.delivered, b.dropped)
	}
}

func TestLimitsAreMetBeforeSending(t *testing.T) {
	t.Parallel()
	in := newIntake(t, func(w http.ResponseWriter, c call, _ int) {
		if n := bytes.Count(c.body, []byte("1")); n > 1000 || len(c.body) > 5_000_000 {
			t.Errorf("%d logs, %d bytes", n, len(c.body))
		}
		w.WriteHeader(http.StatusAccepted)
	})
	many := make([]string, 2500)
	for i := range many {
		many[i] = "1,"
	}
	b := &books{}
	if err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Logs, many...)); err != nil {
		t.Fatal(err)
	}
	large := `"` + strings.Repeat("x", 3_000_000) + `",`
	if err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Logs, large, large)); err != nil {
		t.Fatal(err)
	}
	if b.delivered != 2502 || len(in.all()) != 5 {
		t.Fatalf("delivered %d in %d calls", b.delivered, len(in.all()))
	}
	err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Logs, large+large))
	if !consumererror.IsPermanent(err) || b.dropped[intake.ReasonTooLarge] != 1 || len(in.all()) != 5 {
		t.Fatalf("%v, dropped %v, %d calls", err, b.dropped, len(in.all()))
	}
}

func TestOnlyTheRestIsLeftAfterAPartialSuccess(t *testing.T) {
	t.Parallel()
	in := newIntake(t, func(w http.ResponseWriter, _ call, n int) {
		if n == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	large := strings.Repeat("x", 2_000_000)
	b, r := &books{}, of(intake.Traces, "1"+large, "2"+large, "3"+large)
	r.Try.Slot = true
	s := sender(in, b)
	err := s.Send(t.Context(), grant(t, false), r)
	left := r.OnError(err).(*intake.Request)
	if left.Count() != 2 || left.Body[0] != '2' || !left.Try.Slot || b.delivered != 1 {
		t.Fatalf("left %d items, delivered %d, %v", left.Count(), b.delivered, err)
	}
	if err := s.Send(t.Context(), grant(t, false), left); err != nil || b.delivered != 3 {
		t.Fatalf("delivered %d, %v", b.delivered, err)
	}
	for i, c := range in.all() {
		if want := []byte("1223")[i]; c.body[4] != want { // behind "HEAD"
			t.Fatalf("call %d began with %c", i, c.body[4])
		}
	}
}

// TestEachBodyHasItsOwnTimeout sends three bodies that take longer than one timeout together.
func TestEachBodyHasItsOwnTimeout(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	stuck := make(chan struct{})
	defer close(stuck)
	in := newIntake(t, func(w http.ResponseWriter, c call, n int) {
		if n == 4 {
			<-stuck
		}
		time.Sleep(timeout * 2 / 5) // the intake's work
		w.WriteHeader(http.StatusAccepted)
	})
	b := &books{}
	s := intake.NewSender(intake.Settings{Client: in.client(), Timeout: timeout, Observer: b})
	err := s.Send(t.Context(), grant(t, false), of(intake.Logs, strings.SplitAfter(strings.Repeat("1,", 3001), ",")[:3001]...)) // 1000 a body
	var unsent *intake.Unsent
	if !errors.As(err, &unsent) || !errors.Is(err, context.DeadlineExceeded) || !unsent.Partial || !unsent.Down || b.delivered != 3000 || unsent.Left.Count() != 1 {
		t.Fatalf("delivered %d, %+v", b.delivered, err)
	}
}

func TestGzipWhereZstdIsRefused(t *testing.T) {
	t.Parallel()
	in := newIntake(t, func(w http.ResponseWriter, c call, _ int) {
		if c.encoding == "zstd" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	b := &books{}
	s := sender(in, b)
	for range 2 {
		if err := s.Send(t.Context(), grant(t, false), of(intake.Logs, "1,")); err != nil {
			t.Fatal(err)
		}
	}
	var used []string
	for _, c := range in.all() {
		used = append(used, c.encoding)
	}
	if got := strings.Join(used, " "); got != "zstd gzip gzip" || b.delivered != 2 {
		t.Fatalf("used %s, delivered %d", got, b.delivered)
	}
}

func TestComplaintsOfAnAcceptedBodyAreReported(t *testing.T) {
	t.Parallel()
	in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"errors":["bad metric name a.b",{"title":"Oops","detail":"late c.d, too old"}, 7]}`)
	})
	b := &books{}
	if err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Series, "1")); err != nil {
		t.Fatal(err)
	}
	const want = `an error text of 19 bytes with "metric name"|an error text of 23 bytes with "too old"|` +
		"an error text of 0 bytes, which is not repeated since it may hold data"
	if got := strings.Join(b.complaints, "|"); got != want {
		t.Fatalf("complaints %q", got)
	}
}

func BenchmarkSend(b *testing.B) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusAccepted)
	}))
	defer srv.Close()
	in := &fakeIntake{Server: srv}
	s := sender(in, &books{})
	cred, err := credential.New("acme", credential.Org{Client: "main", Site: "us5.datadoghq.com", ID: "o1"}, testKey, 7, nil)
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("a metric with tags and a value;", 5)
	texts := make([]string, 5000)
	for i := range texts {
		texts[i] = text
	}
	r := of(intake.Series, texts...)
	if err := s.Send(b.Context(), cred, r); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(r.BytesSize()))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Send(b.Context(), cred, r); err != nil {
			b.Fatal(err)
		}
	}
}

// TestAServiceCheckAtFaultCostsNoOther has two that the intake finds invalid, and as many as make the search end.
func TestAServiceCheckAtFaultCostsNoOther(t *testing.T) {
	t.Parallel()
	for bad, want := range map[int]struct{ delivered, calls int }{2: {98, 40}, 100: {0, 70}} {
		in, b := newIntake(t, func(w http.ResponseWriter, c call, _ int) {
			w.WriteHeader(map[bool]int{true: http.StatusBadRequest, false: http.StatusAccepted}[strings.Contains(string(c.body), "bad")])
		}), &books{}
		texts := slices.Repeat([]string{`{"a":1},`}, 100)
		for i := range bad {
			texts[(7+i*41)%100] = `{"bad":1},`
		}
		_ = sender(in, b).Send(t.Context(), grant(t, false), of(intake.Checks, texts...)) // permanent when all are lost
		if n := len(in.all()); b.delivered != want.delivered || b.dropped[intake.ReasonRejected] != 100-want.delivered || n > want.calls {
			t.Errorf("%d at fault: delivered %d, dropped %v, %d calls", bad, b.delivered, b.dropped, n)
		}
	}
	in, b := newIntake(t, func(w http.ResponseWriter, _ call, _ int) { w.WriteHeader(http.StatusBadRequest) }), &books{}
	_ = sender(in, b).Send(t.Context(), grant(t, false), of(intake.OTLPLogs, "a", "b"))
	if n := len(in.all()); n != 1 {
		t.Errorf("a body of another family was sent %d times", n)
	}
}

package intake_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// TestAnOrganisationThatIsNotEnabledKeepsItsKey: the 403 says nothing about the key, whatever form it has.
func TestAnOrganisationThatIsNotEnabledKeepsItsKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ media, body string }{
		"text":        {"text/plain; charset=utf-8", "Organization is not allowed"},
		"errors":      {"application/json", `{"errors":["Forbidden: organization is not allowed"]}`},
		"other JSON":  {"application/json", `{"message":"organization is not allowed"}`},
		"protobuf":    {"application/x-protobuf", string(protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "organization is not allowed"))},
		"media wrong": {"text/html", "organization is not allowed"},
	} {
		for _, fresh := range []bool{true, false} {
			in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
				w.Header().Set("Content-Type", c.media)
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, c.body)
			})
			err := sender(in, &books{}).Send(t.Context(), grant(t, fresh), of(intake.OTLPTraces, "one"))
			var unsent *intake.Unsent
			if !errors.As(err, &unsent) || unsent.Refused || unsent.Down || unsent.Wait != time.Minute || unsent.Left.Count() != 1 {
				t.Errorf("%s: %+v", name, unsent)
			}
			if err == nil || !strings.Contains(err.Error(), "has not enabled") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestOTLPAnswersOfOtherFormsAreRead(t *testing.T) {
	t.Parallel()
	text := func(field protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), s)
	}
	partial := append(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), 3), text(2, "too old")...)
	for name, c := range map[string]struct {
		status     int
		media      string
		body       string
		complaints string
		err        string
	}{
		"partial success":             {202, "application/x-protobuf", string(text(1, string(partial))), `partial success: 3 rejected: an error text of 7 bytes with "too old"`, ""},
		"success":                     {202, "application/x-protobuf", "", "", ""},
		"success, empty partial":      {200, "application/x-protobuf", string(text(1, "")), "", ""},
		"success, not protobuf":       {202, "application/x-protobuf", "\xff\xff", "", ""},
		"success, text":               {202, "text/plain", "Accepted", "", ""},
		"refusal, google.rpc.Status":  {400, "application/x-protobuf", string(text(2, "only delta")), "", `with "delta"`},
		"refusal, text":               {400, "text/plain", "malformed things", "", `with "malformed"`},
		"refusal, broken rpc.Status":  {400, "application/x-protobuf", "\x12\xff", "", "not JSON"},
		"refusal, JSON of Datadog":    {400, "application/json", `{"errors":["not delta"]}`, "", `with "delta"`},
		"partial success, cut in two": {202, "application/x-protobuf", string(text(1, string(partial))[:5]), "", ""},
	} {
		in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
			w.Header().Set("Content-Type", c.media)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		b := &books{}
		err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.OTLPMetrics, "one"))
		if got := strings.Join(b.complaints, "|"); got != c.complaints {
			t.Errorf("%s: complaints %q", name, got)
		}
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNothingIsSentToAHostThatIsAGuess: where no OTLP intake is known the data is held, unless the operator names one.
func TestNothingIsSentToAHostThatIsAGuess(t *testing.T) {
	t.Parallel()
	in := newIntake(t, accept)
	cred, err := credential.New("acme", credential.Org{Client: "main", Site: "us2.ddog-gov.com", ID: "o1"}, testKey, 7, nil)
	if err != nil {
		t.Fatal(err)
	}
	set := intake.Settings{Client: in.client(), Timeout: time.Minute, MaxWait: time.Hour, Observer: &books{}}
	err = intake.NewSender(set).Send(t.Context(), cred, of(intake.OTLPLogs, "one"))
	var unsent *intake.Unsent
	if !errors.As(err, &unsent) || unsent.Wait != time.Hour || !unsent.Untried || unsent.Refused || unsent.Down || !strings.Contains(err.Error(), "endpoints::us2.ddog-gov.com::otlp") {
		t.Fatalf("%+v: %v", unsent, err)
	}
	if len(in.all()) != 0 {
		t.Fatal("something was sent")
	}
	if set.Endpoints, err = site.NewEndpoints(map[string]map[string]string{"us2.ddog-gov.com": {"otlp": "https://otlp.example"}}); err != nil {
		t.Fatal(err)
	}
	if err := intake.NewSender(set).Send(t.Context(), cred, of(intake.OTLPLogs, "one")); err != nil {
		t.Fatal(err)
	}
	if got := in.all(); len(got) != 1 || got[0].host != "otlp.example" {
		t.Fatalf("%+v", got)
	}
}

type recorder struct {
	http.RoundTripper
	mu      sync.Mutex
	headers []http.Header
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	r.headers = append(r.headers, req.Header.Clone())
	r.mu.Unlock()
	return r.RoundTripper.RoundTrip(req)
}

func TestHeadersOfAFamilyAreSentWithItAlone(t *testing.T) {
	t.Parallel()
	in := newIntake(t, accept)
	client := in.client()
	rec := &recorder{RoundTripper: client.Transport}
	client.Transport = rec
	s := intake.NewSender(intake.Settings{
		Client: client, Timeout: time.Minute, Observer: &books{},
		Headers: map[intake.Family]http.Header{intake.OTLPTraces: {"Compute_stats": {"true"}}},
	})
	for _, f := range []intake.Family{intake.OTLPTraces, intake.OTLPLogs, intake.PublicSpans, intake.PublicSpans} {
		if err := s.Send(context.Background(), grant(t, false), of(f, "one")); err != nil {
			t.Fatal(err)
		}
	}
	if got := rec.headers[0].Get("compute_stats"); got != "true" {
		t.Errorf("traces: %q", got)
	}
	if got := rec.headers[1]["Compute_stats"]; got != nil {
		t.Errorf("logs: %q", got)
	}
	ids := []string{rec.headers[2].Get("DD-REQUEST-ID"), rec.headers[3].Get("DD-REQUEST-ID")}
	uuid := regexp.MustCompile("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
	if !uuid.MatchString(ids[0]) || !uuid.MatchString(ids[1]) || ids[0] == ids[1] {
		t.Errorf("request ids %q", ids)
	}
}

// TestAPartialSuccessCountsWhatIsRejected: the rest is delivered, and more than there was cannot be rejected.
func TestAPartialSuccessCountsWhatIsRejected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		family              intake.Family
		number              uint64
		delivered, rejected int
	}{
		{intake.OTLPTraces, 0, 3, 0}, {intake.OTLPTraces, 1, 2, 1}, {intake.OTLPMetrics, 3, 0, 3}, {intake.OTLPLogs, 4, 0, 3}, {intake.OTLPTracesOnly, 1 << 63, 0, 3},
		{intake.Traces, 2, 3, 0}, // which answers otherwise
	} {
		partial := protowire.AppendString(protowire.AppendTag(nil, 2, protowire.BytesType), "too old")
		partial = protowire.AppendVarint(protowire.AppendTag(partial, 1, protowire.VarintType), c.number)
		in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) {
			w.Header().Set("Content-Type", "application/x-protobuf")
			_, _ = w.Write(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial))
		})
		b := &books{}
		if err := sender(in, b).Send(t.Context(), grant(t, false), of(c.family, "1", "2", "3")); err != nil {
			t.Fatal(err)
		}
		if b.delivered != c.delivered || b.dropped[intake.ReasonRejected] != c.rejected || len(b.complaints) != 1 {
			t.Errorf("%s, %d rejected: delivered %d, dropped %v, complaints %q", c.family, c.number, b.delivered, b.dropped, b.complaints)
		}
	}
}

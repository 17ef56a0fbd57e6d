package datadogoauthexporter

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadata"
)

// shower is a holder of grants that shows sends.
type shower struct {
	grants
	mu     sync.Mutex // guards boards
	boards []credential.SendBoard
}

// ShowSends implements credential.Sends.
func (s *shower) ShowSends(b credential.SendBoard) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boards = append(s.boards, b)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.boards = s.boards[:len(s.boards)-1]
	}
}

func (s *shower) host() component.Host {
	return &host{extensions: map[component.ID]component.Component{component.NewID(metadata.Type): s}}
}

func (s *shower) shown() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.boards)
}

// await waits until the figures of an intake of acme are as wanted.
func (s *shower) await(t *testing.T, intake string, ok func(credential.SendFigures) bool) credential.SendFigures {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		all := s.boards[0].SendFigures([]string{"acme"})
		for _, f := range all {
			if f.Intake == intake && ok(f) {
				return f
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the figures are %+v", all)
		}
	}
}

// TestWhatWasSentIsShown: of all signals on one board, with one history, until the last exporter stops.
func TestWhatWasSentIsShown(t *testing.T) {
	t.Parallel()
	d := newDatadog(t, map[string]string{eu: euKey, us5: us5Key})
	s := &shower{}
	s.Grant("acme", eu, euKey, 1, false)
	s.Grant("globex", us5, us5Key, 1, false)
	set, _ := settings(t)
	cfg, ctx := patientConfig(d), context.Background()
	m, err := createMetrics(ctx, set, cfg)
	m = run(t, m, err, s.host())
	l, err := createLogs(ctx, set, cfg)
	l = run(t, l, err, s.host())
	if n := s.shown(); n != 1 {
		t.Fatalf("%d boards are shown", n)
	}
	begin := time.Now()
	if err := m.ConsumeMetrics(ctx, metricsOf("acme")); err != nil {
		t.Fatal(err)
	}
	for _, intake := range []string{"series", "sketches"} {
		f := s.await(t, intake, func(f credential.SendFigures) bool { return f.LastSent.After(begin) })
		if f.Signal != "metrics" || f.LastError != "" || !f.LastErrorAt.IsZero() || f.Parked != 0 {
			t.Errorf("shown is %+v", f)
		}
	}
	d.answers(func(r received, _ http.Header) int { return http.StatusServiceUnavailable })
	d.says("{}")
	if err := l.ConsumeLogs(ctx, logsOf("acme")); err != nil {
		t.Fatal(err)
	}
	f := s.await(t, "logs", func(f credential.SendFigures) bool { return f.Parked == 1 })
	if f.Signal != "logs" || !f.LastSent.IsZero() || time.Since(f.LastErrorAt) > time.Minute || time.Since(f.ParkedSince) > time.Minute ||
		f.LastError != "send logs of tenant acme to datadoghq.eu: 503: Service Unavailable" {
		t.Errorf("shown is %+v", f)
	}
	h := s.boards[0].SendHistory("acme")
	sent, refused := uint32(0), uint32(0)
	for i := range h.Sent {
		sent, refused = sent+h.Sent[i], refused+h.Refused[i]
	}
	if sent != 2 || refused == 0 {
		t.Errorf("the history is %+v", h)
	}
	if n := len(s.boards[0].SendHistory("globex").Sent) + len(s.boards[0].SendFigures([]string{"globex"})); n != 0 {
		t.Error("something is shown of a tenant that sent nothing")
	}
	d.answers(nil)
	f = s.await(t, "logs", func(f credential.SendFigures) bool { return f.Parked == 0 && !f.LastSent.IsZero() })
	if f.LastError == "" || f.LastErrorAt.After(f.LastSent) {
		t.Errorf("shown is %+v", f)
	}
	if err := m.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if s.shown() != 1 {
		t.Error("nothing is shown although an exporter runs")
	}
	if err := l.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if s.shown() != 0 {
		t.Error("exporters that stopped are still asked")
	}
}

// patientConfig is one whose batcher drops no tenant that is idle while the test runs; see core.shutdown.
func patientConfig(d *datadog) *Config {
	cfg := d.config()
	cfg.Queue.Get().Batch.Get().FlushTimeout = 200 * time.Millisecond
	return cfg
}

func logAt(at time.Time) plog.Logs {
	d := logsOf("acme")
	d.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).SetTimestamp(pcommon.NewTimestampFromTime(at))
	return d
}

// TestEveryOutcomeIsShown but those of data that is of no tenant.
func TestEveryOutcomeIsShown(t *testing.T) {
	t.Parallel()
	answer := func(status int) func(received, http.Header) int {
		return func(received, http.Header) int { return status }
	}
	partial := protowire.AppendBytes([]byte{1<<3 | 2}, protowire.AppendString([]byte{1 << 3, 1, 2<<3 | 2}, "no <script>"))
	for name, c := range map[string]struct {
		answer func(received, http.Header) int
		says   string
		fail   error
		old    time.Duration
		otlp   bool
		want   string
		parked int64
	}{
		"rejected":           {answer: answer(400), says: `{"errors":["invalid json <script>"]}`, want: `400: an error text of 21 bytes with "invalid json"`},
		"key refused":        {answer: answer(403), want: "403: Forbidden; the customer may have revoked the API key", parked: 1},
		"throttled":          {answer: func(_ received, h http.Header) int { h.Set("Retry-After", "60"); return 429 }, want: "429: Too Many Requests", parked: 1},
		"no answer":          {answer: func(received, http.Header) int { panic(http.ErrAbortHandler) }, want: "EOF", parked: 1},
		"a portal's page":    {answer: answer(200), says: "<html>log in</html>", want: "200: the answer is a page of HTML", parked: 1},
		"too large":          {answer: answer(413), want: "one item of"},
		"taken in part":      {answer: func(_ received, h http.Header) int { h.Set("Content-Type", "application/x-protobuf"); return 200 }, says: string(partial), otlp: true, want: "the intake took a body but rejected 1 of its 1 items"},
		"tenant is paused":   {fail: credential.ErrPaused, want: "tenant is paused", parked: 1},
		"key is missing":     {fail: credential.ErrKeyMissing, want: credential.ErrKeyMissing.Error(), parked: 1},
		"too old to be sent": {old: 24 * time.Hour, want: "1 items became too old to be sent, and were dropped"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDatadog(t, map[string]string{eu: euKey})
			d.answers(c.answer)
			d.says(cmp.Or(c.says, "{}"))
			s := &shower{}
			s.Grant("acme", eu, euKey, 1, false)
			if c.fail != nil {
				s.Fail("acme", c.fail)
			}
			set, _ := settings(t)
			cfg, intake := patientConfig(d), "logs"
			if c.otlp {
				cfg, intake = overOTLP(cfg), "otlp_logs"
			}
			l, err := createLogs(context.Background(), set, cfg)
			l = run(t, l, err, s.host())
			if err := l.ConsumeLogs(context.Background(), logAt(time.Now().Add(-c.old))); err != nil {
				t.Fatal(err)
			}
			f := s.await(t, intake, func(f credential.SendFigures) bool { return f.LastError != "" && f.Parked == c.parked })
			if !strings.Contains(f.LastError, c.want) || strings.Contains(f.LastError, "script") || strings.Contains(f.LastError, "\n") {
				t.Errorf("shown is %q", f.LastError)
			}
			if f.LastSent.IsZero() == c.otlp { // of which a part was taken
				t.Errorf("shown is %+v", f)
			}
		})
	}
}

package datadogoauthexporter

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.yaml.in/yaml/v3"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// figures compares the books of what came through the pipeline, whatever it became; see figuresOf for the stats made of spans.
func figures(t *testing.T, tel *componenttest.Telemetry, want string) {
	t.Helper()
	figuresOf(t, tel, "", want)
}

// figuresOf compares the books of one signal.
func figuresOf(t *testing.T, tel *componenttest.Telemetry, signal, want string) {
	t.Helper()
	if got := booksOf(t, tel, signal); got != want {
		t.Fatalf("the books say %q, want %q", got, want)
	}
	if err := accounts(t, tel).Check(); err != nil {
		t.Error(err)
	}
}

// figuresKept compares the books of an exporter that was stopped, whose storage keeps some items.
func figuresKept(t *testing.T, tel *componenttest.Telemetry, c *core, signal, want string, kept int) {
	t.Helper()
	if got := booksOf(t, tel, signal); got != want {
		t.Fatalf("the books say %q, want %q", got, want)
	}
	b := accounts(t, tel)
	for f := range intake.Family(intake.NumFamilies) { // no gauge tells any more
		of, other := madeOf[c.signal][f]
		if !other {
			of = c.signal
		}
		attribute := func(name string) string {
			return map[string]string{"exporter": c.set.ID.String(), "signal": of}[name]
		}
		items, _ := c.parked(f)
		b.Add("parking_items", attribute, items)
		b.Add("queued_items", attribute, c.queued(f))
	}
	if err := b.Check(); err != nil {
		t.Error(err)
	}
	if signal == "" {
		signal = c.signal
	}
	if a := b.Of(signal); a.Parking+a.Queued != kept {
		t.Errorf("%d %s are kept: %s", kept, signal, a)
	}
}

// booksOf are the items accepted, restored, delivered, expired, and dropped by reason, in that order, those that are not 0: of one signal, or of all but
// stats.
func booksOf(t *testing.T, tel *componenttest.Telemetry, signal string) string {
	t.Helper()
	var got []string
	add := func(label, name, reason string) {
		if n := counted(t, tel, name, signal, reason); n != 0 {
			got = append(got, fmt.Sprint(label, " ", n))
		}
	}
	for _, label := range []string{"accepted", "restored", "delivered", "expired"} {
		add(label, label+"_items", "")
	}
	for _, why := range intake.Reasons() {
		add(why.String(), "dropped_items", why.String())
	}
	return strings.Join(got, " ")
}

// accounts are the books of an exporter that runs. After its stop they lack what waits.
func accounts(t *testing.T, tel *componenttest.Telemetry) balance.Books {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := tel.Reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	return balance.Collected(all)
}

// balanced waits until the books balance and so says nil, and returns the account of one signal. so may be nil.
func balanced(t *testing.T, tel *componenttest.Telemetry, signal string, so func(balance.Account) error) balance.Account {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	b, err := balance.Await(ctx, func(context.Context) (balance.Books, error) { return accounts(t, tel), nil }, func(b balance.Books) error {
		if so == nil {
			return nil
		}
		return so(b.Of(signal))
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.Of(signal)
}

func counted(t *testing.T, tel *componenttest.Telemetry, name, signal, reason string) (total int64) {
	t.Helper()
	m, err := tel.GetMetric("otelcol_exporter_datadogoauth_" + name)
	if err != nil {
		return 0 // nothing was counted
	}
	for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
		why, _ := p.Attributes.Value("reason")
		of, _ := p.Attributes.Value("signal")
		anyReason := reason == "" && name == "parked_items"
		if (anyReason || why.AsString() == reason) && (of.AsString() == signal || signal == "" && of.AsString() != "stats") {
			total += p.Value
		}
	}
	return total
}

func TestEveryReasonIsDocumented(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("metadata.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Attributes map[string]struct{ Enum []string }
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, why := range intake.Reasons() {
		reasons = append(reasons, why.String())
	}
	if got := doc.Attributes["reason"].Enum; !reflect.DeepEqual(got, reasons) {
		t.Fatalf("metadata.yaml lists %v, the code has %v", got, reasons)
	}
	var given []string
	for _, r := range refusals {
		if !slices.Contains(given, r.reason) {
			given = append(given, r.reason)
		}
	}
	if got := doc.Attributes["refusal"].Enum; !slices.Equal(got, given) {
		t.Fatalf("metadata.yaml lists %v, the code has %v", got, given)
	}
	var sites []string
	for _, s := range site.Table() {
		sites = append(sites, s.Domain())
	}
	if got := doc.Attributes["site"].Enum; !slices.Equal(got, sites) {
		t.Fatalf("metadata.yaml lists %v, the code has %v", got, sites)
	}
}

// TestCountersBeginAtZero with every reason: an increase from nothing is none for Prometheus.
func TestCountersBeginAtZero(t *testing.T) {
	t.Parallel()
	set, tel := settings(t)
	e, err := createTraces(context.Background(), set, newDatadog(t, nil).config())
	run(t, e, err, newHost())
	defer func() { _ = e.Shutdown(context.Background()) }()
	m, err := tel.GetMetric("otelcol_exporter_datadogoauth_dropped_items")
	if err != nil {
		t.Fatal(err)
	}
	points := m.Data.(metricdata.Sum[int64]).DataPoints
	if want := len(intake.Reasons()) * 3; len(points) != want { // spans, stats, reports of hosts
		t.Errorf("%d series, want %d", len(points), want)
	}
	for name, series := range map[string]int{"accepted_items": 3, "restored_items": 3, "delivered_items": 3, "expired_items": 3, "parked_items": 27, "redriven_items": 3, "refused_items": 6, "complaints": 12, "stats_late": 1, "stats_overflow": 1, "incident_omissions": 1} {
		m, err := tel.GetMetric("otelcol_exporter_datadogoauth_" + name)
		if err != nil {
			t.Error(err)
			continue
		}
		got := m.Data.(metricdata.Sum[int64]).DataPoints
		if len(got) != series {
			t.Errorf("%s: %d series, want %d", name, len(got), series)
		}
		points = append(points, got...)
	}
	for _, p := range points {
		if p.Value != 0 {
			t.Errorf("%+v", p)
		}
	}
}

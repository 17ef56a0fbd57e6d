package balance_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
)

// scraped is what a collector says, in both ways in which names are made.
const scraped = `# HELP otelcol_exporter_datadogoauth_accepted_items_total Items. [Alpha]
# TYPE otelcol_exporter_datadogoauth_accepted_items_total counter
otelcol_exporter_datadogoauth_accepted_items_total{exporter="datadogoauth",signal="logs",otel_scope_name="x"} 1e+01
otelcol_exporter_datadogoauth_accepted_items__item__total{exporter="datadogoauth/b",signal="logs"} 1
otelcol_exporter_datadogoauth_accepted_items{exporter="datadogoauth",signal="incidents"} 5
otelcol_exporter_datadogoauth_restored_items_total{exporter="datadogoauth",signal="logs"} 2
otelcol_exporter_datadogoauth_delivered_items_total{exporter="datadogoauth",signal="logs"} 4
otelcol_exporter_datadogoauth_dropped_items_total{exporter="datadogoauth",reason="baseline",signal="logs"} 1
otelcol_exporter_datadogoauth_dropped_items_total{exporter="datadogoauth",reason="too_large",signal="logs"} 1
otelcol_exporter_datadogoauth_expired_items_total{exporter="datadogoauth",signal="logs"} 1
otelcol_exporter_datadogoauth_parked_items_total{exporter="datadogoauth",signal="logs"} 7
otelcol_exporter_datadogoauth_redriven_items_total{exporter="datadogoauth",signal="logs"} 4
otelcol_exporter_datadogoauth_refused_items_total{exporter="datadogoauth",reason="too_fast",signal="logs"} 9
otelcol_exporter_datadogoauth_parking_items{exporter="datadogoauth",signal="logs"} 3
otelcol_exporter_datadogoauth_parking_bytes{exporter="datadogoauth",signal="logs"} 333
otelcol_exporter_datadogoauth_queued_items{exporter="datadogoauth",signal="logs"} 2 1700000000000
otelcol_exporter_datadogoauth_queued_items{exporter="datadogoauth/b",signal="logs"} 1
otelcol_exporter_sent_log_records_total{exporter="datadogoauth"} 8
`

func TestParse(t *testing.T) {
	t.Parallel()
	b, err := balance.Parse(strings.NewReader(scraped))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	a := b.Of("logs")
	if want := "accepted 11, restored 2, delivered 4, dropped [baseline 1, too_large 1], expired 1, parking 3, queued 3"; a.String() != want {
		t.Errorf("\n got %s\nwant %s", a, want)
	}
	if a.Parked != 7 || a.Redriven != 4 || a.GivenBack != 9 || a.Lost() != 2 || len(b) != 3 {
		t.Errorf("%+v of %d accounts", a, len(b))
	}
	for _, text := range []string{"", "up 1\n", strings.ReplaceAll(scraped, " 1\n", " one\n")} {
		if b, err := balance.Parse(strings.NewReader(text)); err == nil {
			t.Errorf("%v is read from %.20q", b, text)
		}
	}
}

// TestEachFigureIsInTheEquation changes one of them at a time.
func TestEachFigureIsInTheEquation(t *testing.T) {
	t.Parallel()
	good := balance.Account{
		Accepted: 10, Restored: 5, Delivered: 6, Expired: 2, Parking: 3, Queued: 1, Dropped: map[string]int{"baseline": 2, "rejected": 1},
		Parked: 100, Redriven: 97, GivenBack: 8,
	}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*balance.Account){
		"accepted":           func(a *balance.Account) { a.Accepted++ },
		"restored":           func(a *balance.Account) { a.Restored-- },
		"delivered":          func(a *balance.Account) { a.Delivered-- },
		"expired":            func(a *balance.Account) { a.Expired++ },
		"parking":            func(a *balance.Account) { a.Parking++ },
		"queued":             func(a *balance.Account) { a.Queued-- },
		"dropped":            func(a *balance.Account) { a.Dropped = map[string]int{"baseline": 2} },
		"queued is negative": func(a *balance.Account) { a.Queued, a.Delivered = -1, 8 },
		"parked is negative": func(a *balance.Account) { a.Parking, a.Delivered = -1, 10 },
	} {
		a := good
		change(&a)
		b := balance.Books{{Exporter: "datadogoauth", Signal: "logs"}: a, {Exporter: "datadogoauth", Signal: "traces"}: good}
		if err := b.Check(); err == nil || !strings.HasPrefix(err.Error(), "logs of datadogoauth: ") || strings.Contains(err.Error(), "traces") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAwaitAsksAgain(t *testing.T) {
	t.Parallel()
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch asked++; asked {
		case 1:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 2:
			_, _ = w.Write([]byte(strings.Replace(scraped, `signal="logs"} 4`, `signal="logs"} 3`, 1)))
		default:
			_, _ = w.Write([]byte(scraped))
		}
	}))
	defer srv.Close()
	read := func(ctx context.Context) (balance.Books, error) { return balance.Scrape(ctx, srv.URL) }
	if _, err := balance.Await(t.Context(), read, nil); err != nil || asked != 3 {
		t.Fatalf("asked %d times: %v", asked, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	unlike := errors.New("not yet")
	if _, err := balance.Await(ctx, read, func(balance.Books) error { return unlike }); err == nil {
		t.Fatal("what was awaited never came")
	}
}

package intake_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// limit is what an intake takes in one body: bytes before and after compression, and what it counts, 0 for any number.
type limit struct {
	raw, sent int
	items     int
}

// limits are those of Datadog's documentation, and of its agent where that says nothing; see the sources in family.go. They are written here a second
// time, so that a slip there shows.
var limits = map[intake.Family]limit{
	intake.Series:         {5_242_879, 512_000, 10_000},
	intake.Sketches:       {4_194_304, 2_621_440, 0},
	intake.Logs:           {5_000_000, 5_000_000, 1000},
	intake.Traces:         {3_200_000, 3_200_000, 0},
	intake.Stats:          {10_000_000, 3_000_000, 4000},
	intake.Events:         {1_000_000, 1_000_000, 1},
	intake.Checks:         {1_000_000, 1_000_000, 0},
	intake.OTLPMetrics:    {5_000_000, 500_000, 0},
	intake.OTLPLogs:       {5_000_000, 5_000_000, 1000},
	intake.OTLPTraces:     {3_200_000, 3_200_000, 0},
	intake.OTLPTracesOnly: {3_200_000, 3_200_000, 0},
	intake.PublicSpans:    {3_200_000, 3_200_000, 0},
	intake.HostMetadata:   {1_000_000, 1_000_000, 1},
}

// TestLimitsAreMetByRealBytes sends what cannot be compressed, what can be very well, and many small items, in one request that is several times what a
// body may be. Every item arrives, and the intake sees no body above a limit.
func TestLimitsAreMetByRealBytes(t *testing.T) {
	t.Parallel()
	for f := range intake.Family(intake.NumFamilies) {
		if _, ok := limits[f]; !ok && f.Known() && f != intake.Incidents {
			t.Errorf("no limits of %s are known here", f)
		}
	}
	random := rand.NewChaCha8([32]byte{1})
	for f, at := range limits {
		for name, c := range map[string]struct {
			bytes, items int
			same         bool
		}{
			"incompressible":       {3000, 2 * at.raw / 3000, false},
			"large incompressible": {at.sent - 5000, 3, false},
			"compressible":         {3000, 2 * at.raw / 3000, true},
			"many":                 {8, 25_000, true},
		} {
			if at.items == 1 { // an item is a body
				c.items = min(c.items, 20)
			}
			for _, with := range []intake.Compression{"", intake.None} {
				if with == intake.None && name != "incompressible" {
					continue
				}
				var p intake.Payload
				for range c.items {
					begin := len(p.Body)
					p.Body = append(p.Body, bytes.Repeat([]byte{'x'}, c.bytes)...)
					if !c.same {
						_, _ = random.Read(p.Body[begin:])
					}
					p.EndItem(1, 0)
				}
				r := intake.NewRequest("acme", "main/us5.datadoghq.com/o1", f, p)
				t.Run(f.String()+" "+name+" "+string(with), func(t *testing.T) {
					t.Parallel()
					got, above := receive(t, at, r, with)
					if above != 0 || got != c.items {
						t.Errorf("%d of %d items arrived, %d bodies were above a limit", got, c.items, above)
					}
				})
			}
		}
	}
}

// receive sends r to an intake with limits, and returns what was delivered and how many bodies it refused.
func receive(t *testing.T, at limit, r *intake.Request, with intake.Compression) (delivered, above int) {
	t.Helper()
	var refused atomic.Int64
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		sent, err := io.ReadAll(req.Body)
		if err != nil {
			t.Error(err)
		}
		if raw := unpack(t, req.Header.Get("Content-Encoding"), sent); len(raw) > at.raw || len(sent) > at.sent {
			refused.Add(1)
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer srv.Close()
	in, b := &fakeIntake{Server: srv}, &books{most: at.items}
	set := intake.Settings{Client: in.client(), Timeout: time.Minute, Observer: b, TracesHeader: bytes.Repeat([]byte("h"), 100),
		StatsEnvelope: intake.StatsEnvelope{Before: bytes.Repeat([]byte("b"), 100), After: []byte("after")}}
	if with != "" {
		set.Compression = map[intake.Family]intake.Compression{r.Family: with}
	}
	if err := intake.NewSender(set).Send(t.Context(), grant(t, false), r); err != nil {
		t.Error(err)
	}
	if b.tooMany != 0 {
		t.Errorf("%d bodies had more than %d items", b.tooMany, at.items)
	}
	return b.delivered, int(refused.Load())
}

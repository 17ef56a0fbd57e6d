package e2e

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// downFor is how long the database is down; DATADOGOAUTH_LONG=1 makes it what an operator may take.
func downFor() time.Duration {
	if os.Getenv("DATADOGOAUTH_LONG") != "" {
		return 10 * time.Minute
	}
	return 5 * time.Second
}

// forNow says that a collector refused what it was sent for now only: OTLP/HTTP's retryable codes.
// https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
func forNow(err error) bool {
	return strings.Contains(err.Error(), ": 503: ") || strings.Contains(err.Error(), ": 429: ")
}

// Collectors that start while the database is down: one that does everything says that it is not ready, and loses nothing; one that only
// sends has its copy and sends.
func TestDatabaseDownAtStart(t *testing.T) {
	t.Parallel()
	db := database(t)
	w := start(t, func(o *world.Options) {
		o.Tenants, o.Setup = threeCustomers[:2], &world.Setup{DSN: db.DSN(db.Addr(), grantsDB)}
	})
	connectAll(t, w)
	// Each customer's data comes from one collector alone, so that what arrives can be counted.
	whole, sent := w.Customers[0], w.Customers[1]
	sidecar := addNode(t, w, "sidecar", world.Setup{DSN: db.DSN(db.Addr(), grantsDB), SendOnly: true, Copy: true, Tenants: []string{sent.Tenant}})
	if err := sidecar.SendLog(t.Context(), sent.Tenant, "while all is well"); err != nil {
		t.Fatal(err)
	}
	awaitLogs(t, w, sent, 1)
	for _, n := range []*world.Node{w.Node, sidecar} {
		if err := n.Collector.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Stop(); err != nil {
		t.Fatal(err)
	}

	if err := w.Launch(); err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitRunning(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sidecar.StartCollector(t.Context()); err != nil {
		t.Fatalf("a collector that only sends has its copy, and did not get ready: %v", err)
	}
	within(t, 30*time.Second, "the collector answers that it is not ready", func() bool {
		ready, err := w.Ready(t.Context())
		return err == nil && !ready
	})
	begin := time.Now()
	waiting := startLoad(t, w.Node, whole.Tenant, 20*time.Millisecond, forNow)
	sending := startLoad(t, sidecar, sent.Tenant, 20*time.Millisecond, forNow)
	pauseUntil(t, begin.Add(downFor()))
	awaitLogs(t, w, sent, 10) // the database is still down
	if ready, err := w.Ready(t.Context()); err != nil || ready {
		t.Errorf("without a database the collector says ready=%t, %v", ready, err)
	}
	if status := health(t, w.Node); status == http.StatusOK {
		t.Error("without a database health_check says that all is well")
	}
	if got := w.Standin.Intake().Counts(whole.Org.ID); got != (intake.Counts{}) {
		t.Errorf("without a database %+v were sent", got)
	}

	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, time.Minute, "the collector is ready", func() bool {
		ready, err := w.Ready(t.Context())
		return err == nil && ready
	})
	pauseUntil(t, time.Now().Add(time.Second)) // of load with everything up
	accepted, refusal := waiting.end()
	if refusal != nil || accepted == 0 {
		t.Errorf("%d records were accepted; refused for good: %v", accepted, refusal)
	}
	awaitLogs(t, w, whole, accepted)
	accepted, refusal = sending.end()
	if refusal != nil {
		t.Errorf("the collector that only sends refused for good: %v", refusal)
	}
	awaitLogs(t, w, sent, accepted+1)
	within(t, 20*time.Second, "health_check says that all is well", func() bool { return health(t, w.Node) == http.StatusOK })
}

// The database is killed and comes back while two collectors send with keys and refresh tokens.
func TestDatabaseFailover(t *testing.T) {
	t.Parallel()
	db := database(t)
	setup := world.Setup{DSN: db.DSN(db.Addr(), grantsDB), BearerLogs: true}
	w := start(t, func(o *world.Options) {
		o.Tenants, o.Setup = [][2]string{{"acme", "datadoghq.com"}, {"umbrella", "datadoghq.com"}}, &setup
	})
	acceptBearerLogs(t, w)
	second := addNode(t, w, "second", setup)
	// Every log needs a token that is due.
	if err := w.Standin.OAuth().UpdateSettings(func(s *oauth.Settings) error { s.AccessTokenLife = time.Minute; return nil }); err != nil {
		t.Fatal(err)
	}
	connectAll(t, w)
	anything := func(error) bool { return true }
	var loads []*load
	for _, n := range []*world.Node{w.Node, second} {
		for _, c := range w.Customers {
			loads = append(loads, startLoad(t, n, c.Tenant, 100*time.Millisecond, anything))
		}
	}
	points := 0
	for range 2 {
		for range 20 {
			for _, n := range []*world.Node{w.Node, second} {
				points++
				if err := n.SendPoint(t.Context(), "acme", "failover."+n.Name, points); err != nil {
					t.Errorf("a point was refused: %v", err)
				}
			}
			pauseUntil(t, time.Now().Add(50*time.Millisecond))
		}
		db.Kill()
		for range 20 { // keys are in memory: a point is not held up
			points++
			if err := second.SendPoint(t.Context(), "acme", "failover.down", points); err != nil {
				t.Errorf("a point was refused while the database is down: %v", err)
			}
			pauseUntil(t, time.Now().Add(50*time.Millisecond))
		}
		if err := db.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	up := time.Now()
	for _, n := range []*world.Node{w.Node, second} {
		within(t, time.Minute, n.Name+" refreshes again", func() bool {
			_ = n.SendLog(t.Context(), "acme", "needs a token")
			for _, e := range w.Standin.History().List(history.Filter{Path: "/oauth2/v1/token", Via: n.Name, Status: http.StatusOK}) {
				if e.Time.After(up) {
					return true
				}
			}
			return false
		})
		t.Logf("%s refreshed %s after the database was up", n.Name, time.Since(up).Round(100*time.Millisecond))
	}
	for _, l := range loads {
		_, _ = l.end()
	}
	awaitPoints(t, w, w.Customers[0], points)
	for _, e := range w.Standin.History().List(history.Filter{Path: "/oauth2/v1/token"}) {
		if e.Notes[oauth.NoteReplay] != "" {
			t.Errorf("%s replayed a refresh token", e.Via)
		}
	}
	tenants, err := second.Tenants(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, tenant := range tenants {
		if tenant.Token.State != "ok" {
			t.Errorf("%s: token is %s: %s", tenant.Tenant, tenant.Token.State, tenant.Token.Reason)
		}
	}
}

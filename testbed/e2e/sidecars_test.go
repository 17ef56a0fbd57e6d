package e2e

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/pg"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestSidecars is examples/sidecar, run twice with the database role that the extension's README gives to collectors that only send. Replicas
// beside both send the same series of two customers in the same second, and Datadog has what each counted. Of a third customer they send nothing.
func TestSidecars(t *testing.T) {
	t.Parallel()
	db, dir := database(t), t.TempDir()
	gateway := world.Setup{DSN: db.DSN(db.Addr(), grantsDB)}
	w := start(t, func(o *world.Options) {
		o.Dir, o.Setup, o.Args = dir, &gateway, []string{"--config", "testdata/standin.yaml"}
	})
	connectAll(t, w)
	dsn := senderDSN(t, db)
	var nodes []*world.Node
	for _, name := range []string{"shop-0", "shop-1"} {
		n, err := w.NewNode(name, world.Setup{DSN: dsn, SendOnly: true, Config: filepath.Join(dir, name, "collector.yaml"), Env: []string{"SIDECAR=" + name}})
		if err != nil {
			t.Fatal(err)
		}
		config := example(t, "sidecar/collector.yaml",
			"/etc/otelcol-datadogoauth", n.Path(""), "/var/lib/otelcol-datadogoauth", n.Path(""),
			"localhost:13133", hostPort(t, n.Health), "localhost:4317", n.OTLP, "localhost:4318", hostPort(t, n.OTLPHTTP))
		config += "  telemetry:\n    metrics:\n      level: none\n"
		writeFiles(t, n.Path(""), map[string][]byte{"collector.yaml": []byte(config), "reader-dsn": fileOf(t, n, "dsn")})
		if err := n.Launch(); err != nil {
			t.Fatal(err)
		}
		if err := n.AwaitRunning(t.Context()); err != nil {
			t.Fatal(err)
		}
		within(t, 20*time.Second, name+" is ready", func() bool { return health(t, n) == http.StatusOK })
		nodes = append(nodes, n)
	}

	const units = 10
	served, other := w.Customers[:2], w.Customers[2]
	at := time.Now().Add(-time.Minute)
	logs := map[string]int{}
	for i, n := range nodes {
		for k, c := range served {
			sdk, err := world.NewClient(t.Context(), n.OTLP, c.Tenant)
			if err != nil {
				t.Fatal(err)
			}
			if err := sdk.Work(t.Context(), units); err != nil {
				t.Fatal(err)
			}
			if err := sdk.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			logs[c.Tenant] += int(sdk.Sent().Logs)
			if err := n.SendCounts(t.Context(), c.Tenant, "e2e.count", at, 1+10*i+100*k); err != nil {
				t.Fatal(err)
			}
		}
		if err := n.SendLog(t.Context(), other.Tenant, "of somebody else"); err == nil {
			t.Errorf("%s took a log of a tenant that is not its own", n.Name)
		}
	}
	for k, c := range served {
		awaitLogs(t, w, c, logs[c.Tenant])
		within(t, 20*time.Second, "the counts of "+c.Tenant, func() bool { points, _ := seriesOf(w, c, "e2e.count"); return points >= len(nodes) })
		if _, sum := seriesOf(w, c, "e2e.count"); sum != float64(1+11+200*k) {
			t.Errorf("Datadog has %v of %s, %d were counted", sum, c.Tenant, 1+11+200*k)
		}
		for _, l := range w.Standin.Intake().Received(c.Org.ID).Logs {
			if !strings.Contains(l.Message, " of "+c.Tenant+",") {
				t.Errorf("%s has %q", c.Tenant, l.Message)
			}
		}
		for _, n := range nodes {
			if len(w.Standin.History().List(history.Filter{Org: c.Org.ID, Via: n.Name, Path: "/api/v2/series"})) == 0 {
				t.Errorf("%s sent no series of %s", n.Name, c.Tenant)
			}
		}
	}
	if n := len(w.Standin.History().List(history.Filter{Org: other.Org.ID, Path: "/api/v2/logs"})); n > 0 {
		t.Errorf("%d bodies of %s", n, other.Tenant)
	}
	if strays := w.Strays(); len(strays) > 0 {
		t.Errorf("%d requests went astray, the first is %+v", len(strays), strays[0])
	}
}

// senderDSN makes the role of collectors that only send.
func senderDSN(t *testing.T, db *pg.Server) string {
	t.Helper()
	admin := db.DSN(db.Addr(), grantsDB)
	conn, err := pgx.Connect(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	const role, password = "datadogoauth_sender", "sender-password"
	for _, sql := range []string{
		"CREATE ROLE " + role + " LOGIN PASSWORD '" + password + "'",
		"GRANT USAGE ON SCHEMA datadogoauth TO " + role,
		"GRANT SELECT ON datadogoauth.migrations, datadogoauth.commits, datadogoauth.records, datadogoauth.deletions TO " + role,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	u, err := url.Parse(admin)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, password)
	return u.String()
}

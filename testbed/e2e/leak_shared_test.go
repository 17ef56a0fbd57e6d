package e2e

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/partner"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/history"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// TestNoSecretInAnyOutputOfASharedStore is TestRFC9700_NoSecretInAnyOutput for what a database, a login and time add: tickets good and bad,
// refreshes answered and refused, a change of organisation that waits and is rejected, a revocation, and a database that goes away.
func TestNoSecretInAnyOutputOfASharedStore(t *testing.T) {
	t.Parallel()
	ports := freePorts(t, 2)
	dir := t.TempDir()
	db := database(t)
	dsn := db.DSN(db.Addr(), grantsDB)
	w := start(t, func(o *world.Options) {
		o.Dir, o.TicketAlgorithm, o.Setup = dir, "RS256", &world.Setup{DSN: dsn, BearerLogs: true}
		o.Args = []string{"--config", "testdata/leak.yaml"}
		o.Env = []string{"LEAK_ZPAGES=127.0.0.1:" + ports[0], "LEAK_METRICS_PORT=" + ports[1], "GOTRACEBACK=all"}
	})
	acceptBearerLogs(t, w)
	if err := w.Standin.OAuth().UpdateSettings(func(s *oauth.Settings) error { s.AccessTokenLife = time.Second; return nil }); err != nil {
		t.Fatal(err)
	}
	acme, globex, attacker := w.Customers[0], w.Customers[1], w.Customers[2].Org
	outputs := map[string]string{}
	tickets := map[string]string{}
	calls := func(f history.Filter, grantType string) (n int) {
		for _, e := range w.Standin.History().List(f) {
			if grantType == "" || e.Notes["grant_type"] == grantType {
				n++
			}
		}
		return n
	}

	// One customer comes with a ticket; tickets that are not right are explained in the log.
	w.Partner.SignIn(partner.Customer{Tenant: acme.Tenant})
	outputs["page of a ticket"] = connectByTicket(t, w, acme)
	tickets["ticket"] = w.Partner.LastTicket()
	for _, fault := range []partner.Fault{partner.Unsigned, partner.ForeignKey, partner.WrongNonce, partner.Expired} {
		w.Partner.Misbehave(fault)
		outputs["page of a ticket with "+string(fault)] = logIn(t, w).Body
		tickets["ticket with "+string(fault)] = w.Partner.LastTicket()
	}
	awaitLog(t, w, "nonce")
	if err := w.Connect(t.Context(), globex); err != nil {
		t.Fatal(err)
	}

	// Refreshes, then one that is refused by an answer that echoes the tokens.
	within(t, 20*time.Second, "a refresh", func() bool {
		_ = w.SendLog(t.Context(), acme.Tenant, "needs a token")
		return calls(history.Filter{Path: "/oauth2/v1/token", Status: http.StatusOK}, "refresh_token") > 0
	})
	echo(t, w, faults.Fault{ID: "echo", Path: "/oauth2/v1/token", Site: acme.Org.Site, Status: 503})
	within(t, 20*time.Second, "a refresh is refused", func() bool {
		if err := w.SendLog(t.Context(), acme.Tenant, "needs a token"); err != nil {
			outputs["answer to whoever sent"] = err.Error()
		}
		return calls(history.Filter{Fault: "echo"}, "") > 0
	})
	w.Standin.Faults().Remove("echo")

	// A change of organisation waits and is rejected, and a customer disconnects, while the revocation is refused with an echo once.
	echo(t, w, faults.Fault{ID: "echo revoke", Path: "/oauth2/v1/revoke", Status: 500, Count: 1})
	if err := w.Connect(t.Context(), world.Customer{Tenant: acme.Tenant, Org: attacker}); err != nil {
		t.Fatal(err)
	}
	outputs["changes"] = adminText(t, w, http.MethodGet, "/v1/changes", nil)
	outputs["rejected change"] = adminText(t, w, http.MethodPost, "/v1/tenants/"+acme.Tenant+"/change/reject", nil)
	outputs["disconnect"] = adminText(t, w, http.MethodPost, "/v1/tenants/"+globex.Tenant+"/disconnect", map[string]string{"reason": "the contract ended"})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := w.Standin.History().Await(ctx, 1, history.Filter{Path: "/oauth2/v1/revoke", Status: http.StatusOK}); err != nil {
		t.Fatal(err)
	}

	// The database goes away, which every part of the collector has something to say about.
	db.Kill()
	within(t, 20*time.Second, "the collector notices", func() bool {
		status, body, err := w.Admin(t.Context(), http.MethodPost, "/v1/invitations", map[string]string{"tenant": "newcomer"})
		outputs["an invitation without a database"] = string(body)
		return err == nil && status >= http.StatusInternalServerError
	})
	for _, page := range []string{"servicez", "pipelinez", "extensionz", "tracez"} {
		outputs[page] = shown(t, w, "http://127.0.0.1:"+ports[0]+"/debug/"+page)
	}
	outputs["metrics"] = shown(t, w, "http://127.0.0.1:"+ports[1]+"/metrics")
	for _, path := range []string{"/", "/v1/tenants", "/v1/revocations", "/v1/ready"} {
		outputs[path] = shown(t, w, w.AdminURL+path)
	}
	if !strings.Contains(outputs["/v1/tenants"], "acme") || !strings.Contains(outputs["metrics"], "datadogoauth_revocations") {
		t.Errorf("the outputs are not what they should be: tenants %.300s", outputs["/v1/tenants"])
	}
	cmd := exec.CommandContext(t.Context(), binary(t, "otelcol-datadogoauth"), "print-config", "--mode=unredacted", "--config", w.Path("collector.yaml"), "--config", "testdata/leak.yaml")
	cmd.Env = append(os.Environ(), w.Env()...)
	printed, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(printed), "dsn_file") {
		t.Errorf("print-config: %v: %.300s", err, printed)
	}
	outputs["printed configuration"] = string(printed)
	if err := syscall.Kill(w.Collector.PID(), syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	<-w.Collector.Done()
	outputs["log"] = w.Log.String()
	for name, content := range readFiles(t, dir) {
		outputs["file "+name] = content
	}

	names, scanner := secretsOf(t, w, dir)
	add := func(name, value string) {
		if err := scanner.Add(len(names), value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		names = append(names, name)
	}
	for name, ticket := range tickets {
		add(name, ticket[strings.Index(ticket, ".")+1:]) // claims and signature; the header is no secret
	}
	where, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := where.User.Password()
	add("password of the database", password)
	if n := calls(history.Filter{Path: "/oauth2/v1/token"}, "refresh_token"); n < 2 || lastSecret(w, "refresh_token") == "" {
		t.Errorf("%d refreshes", n)
	}
	for name, output := range outputs {
		for _, f := range scanner.Scan([]byte(output)) {
			t.Errorf("%s holds a secret: %s, %s, after %q", name, names[f.Secret], f, output[max(0, f.Offset-200):f.Offset])
		}
	}
	if len(scanner.Scan([]byte("dial "+dsn))) == 0 || len(scanner.Scan([]byte("GET /ticket?ticket="+tickets["ticket"]))) == 0 {
		t.Error("a planted leak was not found")
	}
	if err := db.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := w.StartCollector(t.Context()); err != nil { // for the clean-up, and: a crash is survived
		t.Error(err)
	}
}

// connectByTicket takes the customer who is signed in through login and consent, and returns the last page.
func connectByTicket(t *testing.T, w *world.World, c world.Customer) string {
	t.Helper()
	b, err := w.NewBrowser()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	page, err := b.Open(t.Context(), w.PublicURL+"/connect")
	for _, set := range []map[string]string{nil, nil, {"action": "authorize", "org": c.Org.ID, "site": c.Org.Site}} { // login, our page, consent
		if err != nil {
			t.Fatal(err)
		}
		page, err = b.Submit(t.Context(), page, set)
	}
	if err != nil || page.Status != http.StatusOK || !strings.Contains(page.Body, "You may now close this tab") {
		t.Fatalf("%s was not connected: %v", c.Tenant, err)
	}
	return page.Body
}

// adminText wants a 200 from the admin API.
func adminText(t *testing.T, w *world.World, method, path string, in any) string {
	t.Helper()
	status, body, err := w.Admin(t.Context(), method, path, in)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s %s: %d %v: %s", method, path, status, err, body)
	}
	return string(body)
}

func shown(t *testing.T, w *world.World, address string) string {
	t.Helper()
	body, err := get(t, w, address)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

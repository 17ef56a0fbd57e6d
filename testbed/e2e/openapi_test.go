package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/openapi"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// neverHere are answers that this walk cannot cause: of a store that is read without fault by a collector with all its parts.
var neverHere = map[string][]int{
	"GET /v1/invitations": {409}, "GET /v1/revocations": {409}, "GET /v1/incidents": {409}, "GET /v1/store/archive": {409},
	"GET /v1/audit": {409}, "POST /v1/invitations": {409},
	"POST /v1/tenants/{tenant}/disconnect": {409},
	"GET /v1/checks":                       {409}, "GET /v1/tenants/{tenant}/checks/latest": {409}, "GET /v1/tenants/{tenant}/checks/latest/report": {409},
}

// Every operation of the document is asked for, and for every answer below 500 that it names, in each of its forms. The client fails what is not as
// the document says.
func TestTheAdminAPIIsAsItsDocumentSays(t *testing.T) {
	t.Parallel()
	tokens := map[string]string{}
	w := start(t, func(o *world.Options) {
		overlay := "extensions:\n  datadogoauth:\n    admin:\n      tokens:\n        - {name: demo, role: operate, file: " + filepath.Join(o.Dir, "admin-token") + "}\n"
		for _, role := range []string{"read", "connect"} {
			file := filepath.Join(t.TempDir(), role)
			tokens[role] = strings.Repeat(role+"-", 10)
			if err := os.WriteFile(file, []byte(tokens[role]), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay += "        - {name: a-" + role + ", role: " + role + ", file: " + file + "}\n"
		}
		file := filepath.Join(t.TempDir(), "tokens.yaml")
		if err := os.WriteFile(file, []byte(overlay), 0o600); err != nil {
			t.Fatal(err)
		}
		o.Args = []string{"--config", file, "--set=extensions.datadogoauth.admin.requests_per_minute=600"}
	})
	connectAll(t, w)
	_, tokens["operate"] = w.OperatorToken()
	doc, err := w.APIDocument(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, err := w.APIClient(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	walk := &apiWalk{t: t, base: w.AdminURL, client: client, tokens: tokens}
	for _, status := range []int{http.StatusAccepted, http.StatusConflict} { // so that there is a report to read
		walk.ask(operation{name: "POST /v1/tenants/{tenant}/checks"}, status)
	}
	for _, status := range []int{http.StatusNoContent, http.StatusConflict} {
		walk.ask(operation{name: "DELETE /v1/tenants/{tenant}/checks/latest"}, status)
	}
	sentFor(t, w, "acme")
	for _, op := range operations(doc) {
		walk.reads(op)
		walk.refusals(op)
	}
	walk.forms(t, w)
	walk.changes(w)
	walk.ask(operation{name: "POST /v1/invitations"}, http.StatusCreated, sending(`{"tenant": "newcomer", "lifetime": "1h"}`))
	walk.ask(operation{name: "DELETE /v1/invitations/{id}"}, http.StatusNoContent, func(r *http.Request) { r.URL.Path = "/v1/invitations/" + invitationID(t, w) })
	for _, order := range []string{"pause", "resume", "refresh", "mint", "disconnect"} {
		walk.ask(operation{name: "POST /v1/tenants/{tenant}/" + order}, http.StatusOK)
	}
	for _, order := range []string{"pause", "resume", "refresh", "mint", "change/reject"} { // what a tenant that is disconnected cannot have
		walk.ask(operation{name: "POST /v1/tenants/{tenant}/" + order}, http.StatusConflict)
	}
	walk.ask(operation{name: "POST /v1/tenants/{tenant}/change/confirm"}, http.StatusConflict, sending(`{"org_id": "o2"}`))
	walk.ask(operation{name: "DELETE /v1/invitations/{id}"}, http.StatusConflict)
	walk.ask(operation{name: "POST /v1/quarantine/end"}, http.StatusConflict)
	walk.restored(w)
	for _, op := range operations(doc) {
		if op.has(http.StatusTooManyRequests) {
			walk.flood(op)
		}
	}
	for _, op := range operations(doc) {
		for _, a := range op.answers {
			if a.status < 500 && !slices.Contains(neverHere[op.name], a.status) && !doc.Seen(op.name, a.status, a.media) {
				t.Errorf("%s never answered %d %s", op.name, a.status, a.media)
			}
		}
	}
}

// sentFor waits until a send for a tenant is among its figures.
func sentFor(t *testing.T, w *world.World, tenant string) {
	t.Helper()
	work(t, w, tenant, 1)
	within(t, 20*time.Second, "a send is shown", func() bool {
		by, _, _ := shownSends(t, w, tenant)
		return !by["logs"].LastSent.IsZero()
	})
}

// forms asks for what has several.
func (w *apiWalk) forms(t *testing.T, of *world.World) {
	t.Helper()
	as := func(media string) change { return func(r *http.Request) { r.Header.Set("Accept", media) } }
	w.ask(operation{name: "GET /v1/audit"}, http.StatusOK, as("application/x-ndjson"))
	w.ask(operation{name: "GET /v1/tenants/{tenant}/checks/latest/report"}, http.StatusOK, as("text/html"))
	status, body, err := of.Admin(t.Context(), http.MethodGet, "/v1/tenants?sends=true&q=acme", nil)
	if err != nil || status != http.StatusOK || !strings.Contains(string(body), `"last_sent_at"`) {
		t.Errorf("a list with sends: %d %v %s", status, err, body)
	}
}

// changes lets one customer consent with another's organisation, twice: the operator rejects the first and confirms the second.
func (w *apiWalk) changes(of *world.World) {
	w.t.Helper()
	mover, to := of.Customers[1], of.Customers[2].Org
	named := func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "acme", mover.Tenant, 1) }
	for _, order := range [][2]string{{"reject", "{}"}, {"confirm", `{"org_id": "` + to.ID + `"}`}} {
		if err := of.Connect(w.t.Context(), world.Customer{Tenant: mover.Tenant, Org: to}); err != nil {
			w.t.Fatal(err)
		}
		w.ask(operation{name: "GET /v1/changes"}, http.StatusOK)
		w.ask(operation{name: "GET /v1/tenants/{tenant}"}, http.StatusOK, named)
		w.ask(operation{name: "POST /v1/tenants/{tenant}/change/" + order[0]}, http.StatusOK, named, sending(order[1]))
	}
}

// restored goes back to a backup, and ends the quarantine that follows. Refreshes that fail keep that from ending by itself.
func (w *apiWalk) restored(of *world.World) {
	w.t.Helper()
	ctl := func(args ...string) {
		if out, err := exec.CommandContext(w.t.Context(), binary(w.t, "datadogoauthctl"), args...).CombinedOutput(); err != nil {
			w.t.Fatalf("datadogoauthctl %s: %v: %s", strings.Join(args[:2], " "), err, out)
		}
	}
	grants := of.Path("grants.db")
	if err := of.Collector.Stop(); err != nil {
		w.t.Fatal(err)
	}
	ctl("store", "backup", "--store", grants, "--out", of.Path("backup"))
	if err := os.Remove(grants); err != nil {
		w.t.Fatal(err)
	}
	ctl("store", "restore", "--from", of.Path("backup"), "--store", grants, "--tokens-keyset", of.Path("tokens.keyset.json"), "--keys-keyset", of.Path("keys.keyset.json"))
	if _, err := of.Standin.Faults().Add(faults.Fault{Path: "/oauth2/v1/token", Status: http.StatusServiceUnavailable}); err != nil {
		w.t.Fatal(err)
	}
	if err := of.StartCollector(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	status, body, err := of.Admin(w.t.Context(), http.MethodGet, "/v1/quarantine", nil)
	if err != nil || status != http.StatusOK || !strings.Contains(string(body), `"restored_at"`) || !strings.Contains(string(body), `"backup_made_at"`) {
		w.t.Errorf("the quarantine: %d %v %s", status, err, body)
	}
	w.ask(operation{name: "POST /v1/quarantine/end"}, http.StatusOK)
}

func invitationID(t *testing.T, w *world.World) string {
	t.Helper()
	_, body, err := w.Admin(t.Context(), http.MethodGet, "/v1/invitations", nil)
	_, rest, ok := strings.Cut(string(body), `"id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	if err != nil || !ok {
		t.Fatalf("no link in %s: %v", body, err)
	}
	return id
}

// operation is one of a document's.
type operation struct {
	name    string // "POST /v1/tenants/{tenant}/pause"
	roles   []string
	answers []answer
	hasBody bool
}

// answer is a status, and one of its forms; "" is no body.
type answer struct {
	status int
	media  string
}

func (op operation) has(status int) bool {
	return slices.ContainsFunc(op.answers, func(a answer) bool { return a.status == status })
}

func operations(doc *openapi.Document) []operation {
	var all []operation
	for _, path := range doc.Paths.InMatchingOrder() {
		for method, o := range doc.Paths.Value(path).Operations() {
			op := operation{name: method + " " + path, hasBody: o.RequestBody != nil}
			roles, _ := o.Extensions["x-roles"].([]any)
			for _, role := range roles {
				op.roles = append(op.roles, fmt.Sprint(role))
			}
			for status, response := range o.Responses.Map() {
				var n int
				_, _ = fmt.Sscan(status, &n)
				for media := range response.Value.Content {
					op.answers = append(op.answers, answer{n, media})
				}
				if len(response.Value.Content) == 0 {
					op.answers = append(op.answers, answer{status: n})
				}
			}
			all = append(all, op)
		}
	}
	return all
}

// apiWalk asks as the operator, unless a change says otherwise.
type apiWalk struct {
	t      *testing.T
	base   string
	client *http.Client
	tokens map[string]string
}

type change = func(*http.Request)

func sending(body string) change {
	return func(r *http.Request) {
		r.Body, r.ContentLength, r.GetBody = io.NopCloser(strings.NewReader(body)), int64(len(body)), nil
		r.Header.Set("Content-Type", "application/json")
	}
}

func (w *apiWalk) send(op operation, changes ...change) (int, error) {
	method, path, _ := strings.Cut(op.name, " ")
	path = strings.NewReplacer("{tenant}", "acme", "{id}", "000000000000").Replace(path)
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+w.tokens["operate"])
	for _, change := range changes {
		change(req)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func (w *apiWalk) ask(op operation, status int, changes ...change) {
	w.t.Helper()
	if got, err := w.send(op, changes...); err != nil || got != status {
		w.t.Errorf("%s: got %d, want %d: %v", op.name, got, status, err)
	}
}

// reads asks for what changes nothing.
func (w *apiWalk) reads(op operation) {
	if strings.HasPrefix(op.name, "GET ") {
		w.ask(op, http.StatusOK)
	}
}

// refusals causes every refusal that follows from the request alone.
func (w *apiWalk) refusals(op operation) {
	valid := sending("{}")
	switch op.name {
	case "POST /v1/tenants/{tenant}/change/confirm":
		valid = sending(`{"org_id": "o2"}`)
	case "POST /v1/invitations":
		valid = sending(`{"tenant": "acme"}`)
	}
	asRole := func(role string) change {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+w.tokens[role]) }
	}
	forbidden := func(r *http.Request) { // no page of another origin can send a token
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Del("Authorization")
	}
	stranger := ""
	for _, role := range slices.Sorted(maps.Keys(w.tokens)) {
		if !slices.Contains(op.roles, role) {
			stranger = role
		}
	}
	if len(op.roles) > 0 {
		w.ask(op, http.StatusForbidden, forbidden)
		forbidden = asRole(stranger)
	}
	badValue := func(r *http.Request) {
		r.URL.Path, r.URL.RawPath = strings.Replace(r.URL.Path, "acme", "a\nb", 1), strings.Replace(r.URL.Path, "acme", "a%0Ab", 1)
	}
	switch op.name {
	case "GET /v1/tenants", "GET /v1/changes", "GET /v1/revocations", "GET /v1/invitations", "GET /v1/checks", "GET /v1/audit":
		badValue = func(r *http.Request) { r.URL.RawQuery = "limit=0" }
	case "GET /v1/tenants/{tenant}/checks/latest":
		badValue = func(r *http.Request) { r.URL.RawQuery = "wait=1h" }
	case "POST /v1/invitations":
		badValue = sending(`{"tenant": ""}`)
	}
	for status, changes := range map[int][]change{
		http.StatusUnauthorized:          {valid, func(r *http.Request) { r.Header.Del("Authorization") }},
		http.StatusForbidden:             {valid, forbidden},
		http.StatusMisdirectedRequest:    {valid, func(r *http.Request) { r.Host = "evil.example" }},
		http.StatusNotFound:              {valid, func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "acme", "nobody", 1) }},
		http.StatusBadRequest:            {sending("{")},
		http.StatusRequestEntityTooLarge: {sending(`{"reason": "` + strings.Repeat("x", 17<<10) + `"}`)},
		http.StatusUnsupportedMediaType:  {sending("{}"), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }},
		http.StatusUnprocessableEntity:   {valid, badValue},
	} {
		if !op.has(status) {
			continue
		}
		if !op.hasBody {
			changes = append(changes, func(r *http.Request) { r.Body, r.ContentLength = nil, 0 })
		}
		w.ask(op, status, changes...)
	}
}

// flood asks until it is too much.
func (w *apiWalk) flood(op operation) {
	w.t.Helper()
	noToken := func(r *http.Request) { r.Header.Del("Authorization") }
	for range 700 {
		status, err := w.send(op, noToken)
		if errors.Is(err, context.Canceled) || status == http.StatusTooManyRequests {
			return
		}
		if err != nil {
			w.t.Errorf("%s: %v", op.name, err)
			return
		}
	}
	w.t.Errorf("%s: 700 requests are not too many", op.name)
}

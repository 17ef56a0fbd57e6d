package standin_test

import (
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
)

// atOnce runs do several times in parallel and returns how often each status came.
func atOnce(do func() int) map[int]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	got := map[int]int{}
	for range 8 {
		all.Go(func() {
			status := do()
			mu.Lock()
			defer mu.Unlock()
			got[status]++
		})
	}
	all.Wait()
	return got
}

func TestOnlyOneOfManyWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	access, refresh := w.connect(w.eu1)
	mint := func() int {
		r, _ := w.try("POST", "https://api.datadoghq.eu/api/v2/api_keys/marketplace", "", "Authorization", "Bearer "+access)
		return r.status
	}
	if got := atOnce(mint); got[http.StatusCreated] != 1 || got[http.StatusConflict] != 7 {
		t.Errorf("mints at once: %v", got)
	}
	form := func(f url.Values) func() int {
		return func() int {
			r, _ := w.try("POST", tokenURL(w.eu1.Site), f.Encode(), "Content-Type", "application/x-www-form-urlencoded")
			return r.status
		}
	}
	if got := atOnce(form(refreshForm(refresh))); got[http.StatusOK] != 1 || got[http.StatusBadRequest] != 7 {
		t.Errorf("refreshes at once with one rotating token: %v", got)
	}
	if got := atOnce(form(codeForm(w.code(w.eu1)))); got[http.StatusOK] != 1 || got[http.StatusBadRequest] != 7 {
		t.Errorf("exchanges of one code at once: %v", got)
	}
}

func TestRedirectToALoopbackAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, standin.Options{})
	local := partner
	local.ID, local.RedirectURIs = "local", []string{"http://127.0.0.1:8080/callback", "http://localhost:8080/callback"}
	if err := w.OAuth().AddClient(local); err != nil {
		t.Fatal(err)
	}
	for _, uri := range local.RedirectURIs {
		q := authorizeQuery()
		q.Set("client_id", local.ID)
		q.Set("redirect_uri", uri)
		r := w.consent("https://app.datadoghq.eu", q, url.Values{"action": {"authorize"}, "org": {w.eu1.ID}})
		u, err := url.Parse(r.header.Get("Location"))
		if err != nil || r.status != http.StatusFound || u.Query().Get("code") == "" {
			t.Errorf("%s: %d %s", uri, r.status, r.header.Get("Location"))
		}
		q.Set("redirect_uri", "http://127.0.0.1:9999/callback")
		if r := w.do("GET", "https://app.datadoghq.eu/oauth2/v1/authorize?"+q.Encode(), ""); r.status != http.StatusBadRequest {
			t.Errorf("another port of a loopback redirect URI: %d, want 400", r.status)
		}
	}
}

func TestZeroServerWorks(t *testing.T) {
	t.Parallel()
	var s standin.Server
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OAuth().AddOrg(oauth.Org{OrgRef: oauth.OrgRef{Site: "datadoghq.eu"}}); err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := s.Start("127.0.0.1:0"); err == nil {
		t.Error("a closed server started")
	}
}

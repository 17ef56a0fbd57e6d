package admin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/admin"
)

// many has ten thousand tenants, and answers a Query in a scan.
type many struct{ *grants }

func manyTenants() *many {
	m := &many{grants: &grants{sends: map[string][]admin.SendFigure{}}}
	now := time.Now()
	for i := range 10_000 {
		s := acme()
		s.Tenant = fmt.Sprintf("customer-%05d", i)
		m.tenants = append(m.tenants, s)
		for _, intake := range []string{"series", "logs", "traces", "stats"} {
			m.sends[s.Tenant] = append(m.sends[s.Tenant], admin.SendFigure{Signal: "metrics", Intake: intake, LastSent: now, LastError: "503 Service Unavailable", LastErrorAt: now, Parked: 17, ParkedSince: now})
		}
	}
	return m
}

func (m *many) Query(q admin.Query) (page admin.Page) {
	for _, s := range m.tenants {
		switch n := len(page.Tenants); {
		case s.Tenant <= q.After:
		case n < q.Limit:
			page.Tenants = append(page.Tenants, s)
		default:
			page.Next = page.Tenants[n-1].Tenant
		}
	}
	page.Total = len(m.tenants)
	page.Counts = map[string]int{admin.StateAll: page.Total}
	return page
}

func withMany(tb testing.TB) *server {
	return startWith(tb, &grants{}, func(o *admin.Options) { o.Grants = manyTenants() })
}

// asOperator asks the handler itself.
func asOperator(tb testing.TB, s *server) func(path string) *httptest.ResponseRecorder {
	tb.Helper()
	cookie := s.loggedIn("the-operate")
	return func(path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, s.URL+path, nil)
		cookie(r)
		w := httptest.NewRecorder()
		s.Config.Handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			tb.Fatalf("%s: got %d %s", path, w.Code, w.Body)
		}
		return w
	}
}

// A page and a live update are as large as the rows that they show, however many tenants there are.
func TestAPageOfManyTenantsIsSmall(t *testing.T) {
	t.Parallel()
	get := asOperator(t, withMany(t))
	for path, most := range map[string]int{"/": 160 << 10, "/live": 80 << 10, "/?after=customer-05000": 160 << 10, "/tenants/customer-09999": 40 << 10} {
		if n := get(path).Body.Len(); n > most || n < 1000 {
			t.Errorf("%s has %d bytes", path, n)
		}
	}
}

func BenchmarkListOfTenThousand(b *testing.B) {
	for _, path := range []string{"/?after=customer-05000", "/live?after=customer-05000", "/tenants/customer-05000"} {
		b.Run(path, func(b *testing.B) {
			get := asOperator(b, withMany(b))
			b.ReportAllocs()
			for b.Loop() {
				get(path)
			}
		})
	}
}

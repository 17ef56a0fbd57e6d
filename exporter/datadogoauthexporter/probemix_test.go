package datadogoauthexporter

import (
	"encoding/binary"
	"fmt"
	"math"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// TestMarkedDataOfTenantsNeverMixes has many items of two tenants under way at once, each with an id of its own that says whose it is. Each body has to
// come to its tenant's site with its tenant's key, with one id and the value that belongs to it, and each item once.
func TestMarkedDataOfTenantsNeverMixes(t *testing.T) {
	t.Parallel()
	const atOnce = 10 // probes of a tenant, each of up to three items
	tenants := map[string]struct{ mark, site, key string }{"acme": {"5a5a5a5a5a5a", eu, euKey}, "globex": {"c3c3c3c3c3c3", us5, us5Key}}
	for name, c := range map[string]struct {
		each   int // items of a tenant, of each kind
		change func(*Config)
		twice  map[string]int // paths that two of the items have
	}{
		"agent": {100, func(*Config) {}, map[string]int{"/api/v1/check_run": 2}}, // one comes from metrics, one from logs
		"otlp":  {10, func(c *Config) { overOTLP(c) }, map[string]int{"/api/v1/check_run": 2, "/v1/metrics": 2, "/v1/traces": 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, a, tel, stop := asked(t, c.change)
			a.mu.Lock()
			probers := a.probers
			a.mu.Unlock()
			begin := make(chan struct{})
			var all sync.WaitGroup
			for tenant, is := range tenants {
				for worker := range atOnce {
					all.Go(func() {
						<-begin
						for n := worker; n < c.each; n += atOnce {
							for _, p := range probers {
								for _, w := range p.Probe(t.Context(), credential.Probe{Tenant: tenant, ID: fmt.Sprintf("%04x%s", n, is.mark), Kinds: allKinds}) {
									if w.Err != nil || !strings.HasSuffix(w.Host, "."+is.site) {
										t.Errorf("%s of %s: %+v", w.Kind, tenant, w)
									}
								}
							}
						}
					})
				}
			}
			close(begin)
			ended := make(chan struct{})
			go func() { all.Wait(); close(ended) }()
			var got []received
			for open := true; open || len(d.got) > 0; {
				select {
				case r := <-d.got: // while the probes run: a peer whose bodies nobody takes answers nobody
					got = append(got, r)
				case <-ended:
					open, ended = false, nil
				}
			}
			ids := regexp.MustCompile(`[0-9a-f]{4}(?:5a5a5a5a5a5a|c3c3c3c3c3c3)`)
			bodies := 0
			for _, p := range probers {
				bodies += len(p.ProbeKinds())
			}
			seen := map[string]int{}
			for _, r := range got {
				of := tenants["acme"]
				if r.site != of.site {
					of = tenants["globex"]
				}
				found := ids.FindAllString(r.body, -1)
				if len(found) == 0 || r.site != of.site || r.key != of.key {
					t.Errorf("%s%s with key %s got %q", r.site, r.path, r.key, r.body)
					continue
				}
				for _, id := range found {
					if id != found[0] || !strings.HasSuffix(id, of.mark) {
						t.Errorf("%s%s got %s among %s: %q", r.site, r.path, id, found[0], r.body)
					}
				}
				if r.path == "/api/v2/series" || r.path == "/api/beta/sketches" || r.path == "/v1/metrics" {
					if value := newMark(found[0], "").value; !strings.Contains(r.body, string(binary.LittleEndian.AppendUint64(nil, math.Float64bits(value)))) {
						t.Errorf("%s%s got %s without its value %g: %q", r.site, r.path, found[0], value, r.body)
					}
				}
				seen[r.path+" "+found[0]]++
			}
			for what, n := range seen {
				path, _, _ := strings.Cut(what, " ")
				if want := max(c.twice[path], 1); n != want {
					t.Errorf("%s: %d times, want %d", what, n, want)
				}
			}
			if want := 2 * c.each * (bodies - len(c.twice)); len(seen) != want || len(got) != 2*c.each*bodies {
				t.Errorf("%d items arrived in %d bodies, want %d", len(seen), len(got), want)
			}
			stop()
			if err := accounts(t, tel).Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

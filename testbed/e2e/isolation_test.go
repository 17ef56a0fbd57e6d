package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/isolation"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/oauth"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/world"
)

// isolationSites are those of the customers, in turn.
var isolationSites = []string{"datadoghq.com", "datadoghq.eu", "us3.datadoghq.com", "us5.datadoghq.com", "ap1.datadoghq.com"}

// isolationSeed is another one each time, unless ISOLATION_SEED says which.
func isolationSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("ISOLATION_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return seed
}

// startIsolated connects all tenants to a collector whose intakes are a sink.
func startIsolated(t *testing.T, sink *isolationSink, args ...string) *world.World {
	t.Helper()
	w := start(t, func(o *world.Options) {
		o.Setup, o.Sink, o.Tenants = &world.Setup{}, sink, nil
		for n := range isolation.Tenants {
			o.Tenants = append(o.Tenants, [2]string{isolation.Name(n), isolationSites[n%len(isolationSites)]})
		}
		o.Args = []string{"--set=extensions.file_storage.fsync=false"} // nothing is tested that a power cut could show
		setIntakes(o, args...)
	})
	sink.w = w
	for n, c := range w.Customers {
		sink.own(c.Org.ID, isolation.Owner{Tenant: n})
	}
	connectAll(t, w)
	sink.learn()
	return w
}

// TestTenantsNeverMixInTheCollector sends random requests of twelve tenants through the real collector, in all forms, while keys are replaced,
// customers change their organisations and the collector is killed and stopped. Every body that arrives must be of one tenant alone, and that
// tenant's must be the key and the host.
func TestTenantsNeverMixInTheCollector(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		forms []string
		paths []string
	}{
		"agent": {
			[]string{"host_metadata.enabled=true"},
			[]string{"/api/v2/series", "/api/beta/sketches", "/api/v2/logs", "/api/v0.2/traces", "/api/v0.2/stats", "/api/v1/events", "/api/v1/check_run", "/intake"},
		},
		"otlp and public": {
			[]string{"metrics.intake=otlp", "logs.intake=otlp", "traces.intake=public"},
			[]string{"/v1/metrics", "/v1/logs", "/api/v2/spans", "/api/v0.2/stats", "/api/v1/events", "/api/v1/check_run"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := isolationSeed(t)
			sink := newIsolationSink(seed)
			args := []string{
				"tenant.resource_attribute=true", "traces.bucket_interval=10s", "sending_queue.batch.flush_timeout=200ms", "sending_queue.batch.min_size=20000",
				"retry_on_failure.initial_interval=50ms", "retry_on_failure.max_interval=1s", "retry_on_failure.max_elapsed_time=2s",
			}
			r := &isolationRun{t: t, w: startIsolated(t, sink, append(args, c.forms...)...), sink: sink, rnd: rand.New(rand.NewPCG(seed, 1))}
			r.owners = make([]isolation.Owner, isolation.Tenants)
			for n := range r.owners {
				r.owners[n].Tenant = n
			}
			r.run(5_000, 5)
			want := slices.Concat(c.paths, []string{"202", "403", "413", "429", "500", "503"})
			for n := range isolation.Tenants {
				want = append(want, isolation.Name(n))
			}
			sink.verdict(t, seed, want...)
		})
	}
}

// isolationRun is clients and an operator of one collector.
type isolationRun struct {
	t       *testing.T
	w       *world.World
	sink    *isolationSink
	rnd     *rand.Rand
	streams isolation.Streams
	sent    atomic.Int64 // requests
	taken   atomic.Int64 // of them
	changed struct{ keys, orgs int }

	// moving is held by who changes an organisation, so that a request is of the organisations that its tenants have when it is taken.
	moving sync.RWMutex
	owners []isolation.Owner // as they are now; guarded by moving
}

// run sends requests in several turns. While they are sent a tenant's key is replaced, or its organisation changes; between two turns the collector is restarted.
func (r *isolationRun) run(requests, turns int) {
	const clientsEach = 4
	for turn := range turns {
		var clients, operator sync.WaitGroup
		begun := r.sent.Load()
		ended := make(chan struct{})
		for range clientsEach {
			rnd := rand.New(rand.NewPCG(r.rnd.Uint64(), r.rnd.Uint64()))
			clients.Go(func() { r.send(rnd, requests/turns/clientsEach) })
		}
		rnd := rand.New(rand.NewPCG(r.rnd.Uint64(), r.rnd.Uint64()))
		operator.Go(func() {
			for r.sent.Load() < begun+int64(requests/turns/10) {
				select {
				case <-ended: // a client failed
					return
				case <-time.After(time.Millisecond): // clients of another process: nothing to wait on but their count
				}
			}
			if err := r.operate(rnd, turn, ended); err != nil {
				r.t.Error(err)
			}
		})
		clients.Wait()
		close(ended)
		operator.Wait()
		if turn == turns-1 || r.t.Failed() {
			break
		}
		if turn%2 == 0 {
			r.w.Collector.Kill()
		} else if err := r.w.Collector.Stop(); err != nil {
			r.t.Fatal(err)
		}
		if err := r.w.StartCollector(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
	r.sink.heal()
	if err := r.w.Collector.Stop(); err != nil { // what is parked goes to the disk
		r.t.Fatal(err)
	}
	if err := r.w.StartCollector(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(2 * time.Second) // what is on the disk is sent meanwhile, as far as it comes
	if err := r.w.Collector.Stop(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Logf("%d of %d requests were taken at once; meanwhile %d keys were replaced and %d organisations changed", r.taken.Load(), r.sent.Load(), r.changed.keys, r.changed.orgs)
	if r.sent.Load() < int64(requests) || r.taken.Load()*2 < r.sent.Load() {
		r.t.Errorf("%d requests were sent, %d taken: too few to prove anything", r.sent.Load(), r.taken.Load())
	}
	if r.changed.keys == 0 || r.changed.orgs == 0 {
		r.t.Errorf("while data was sent %d keys were replaced and %d organisations changed", r.changed.keys, r.changed.orgs)
	}
}

// operate does what an operator does in a turn, and counts what was done before the clients had ended.
func (r *isolationRun) operate(rnd *rand.Rand, turn int, ended <-chan struct{}) error {
	underLoad := func() int {
		select {
		case <-ended:
			return 0
		default:
			return 1
		}
	}
	tenant := rnd.IntN(isolation.Tenants)
	if turn%2 == 0 {
		if err := r.move(tenant); err != nil {
			return err
		}
		r.changed.orgs += underLoad()
		tenant = (tenant + 1) % isolation.Tenants
	}
	r.changed.keys += underLoad() // it is revoked at once
	return r.rotate(rnd, tenant)
}

// send makes requests, each with resources of a few tenants. One that the collector refuses for now is not sent again.
func (r *isolationRun) send(rnd *rand.Rand, requests int) {
	g := isolation.NewGenerator(rnd, &r.streams)
	for range requests {
		if err := r.sendOne(g, rnd.Perm(isolation.Tenants)[:1+rnd.IntN(3)]); err != nil {
			r.t.Error(err)
			return
		}
	}
}

func (r *isolationRun) sendOne(g *isolation.Generator, tenants []int) error {
	r.moving.RLock()
	defer r.moving.RUnlock()
	var of []isolation.Owner
	for _, n := range tenants {
		of = append(of, r.owners[n])
	}
	path, body, err := g.Request(time.Now(), of...)
	if err != nil {
		return err
	}
	status, err := postProto(r.t, r.w, path, body, nil)
	r.sent.Add(1)
	if status == http.StatusOK {
		r.taken.Add(1)
	}
	return err
}

// rotate revokes a tenant's key, and has another one minted once the collector knows.
func (r *isolationRun) rotate(rnd *rand.Rand, tenant int) error {
	r.sink.revoke(r.w.Customers[tenant].Org.OrgRef)
	g := isolation.NewGenerator(rnd, &r.streams)
	for deadline := time.Now().Add(20 * time.Second); ; {
		err := r.sendOne(g, []int{tenant})
		status, _, adminErr := r.w.Admin(r.t.Context(), http.MethodPost, "/v1/tenants/"+isolation.Name(tenant)+"/mint", nil)
		if err := errors.Join(err, adminErr); err != nil {
			return err
		}
		if status == http.StatusOK {
			r.sink.learn()
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("no key is minted for %s: %d", isolation.Name(tenant), status)
		}
		time.Sleep(100 * time.Millisecond) // another process: nothing to wait on but its answer
	}
}

// move lets a customer consent for another organisation, on another site.
func (r *isolationRun) move(tenant int) error {
	next := r.owners[tenant] // nobody else changes it
	next.Changes++
	c := &r.w.Customers[tenant]
	org, err := r.w.Standin.OAuth().AddOrg(oauth.Org{
		OrgRef: oauth.OrgRef{Site: isolationSites[(tenant+next.Changes)%len(isolationSites)]}, Name: fmt.Sprintf("%s %d", c.Tenant, next.Changes)})
	if err != nil {
		return err
	}
	r.sink.own(org.ID, next)
	if err := r.w.Connect(r.t.Context(), world.Customer{Tenant: c.Tenant, Org: org}); err != nil {
		r.t.Log(err) // the page says that an operator has to confirm it
	}
	r.moving.Lock()
	defer r.moving.Unlock()
	status, answer, err := r.w.Admin(r.t.Context(), http.MethodPost, "/v1/tenants/"+c.Tenant+"/change/confirm", map[string]string{"org_id": org.ID})
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("confirm the change of %s: %d: %s", c.Tenant, status, answer)
	}
	c.Org, r.owners[tenant] = org, next
	r.sink.learn()
	return nil
}

// postProto hands an OTLP request over and returns the collector's answer.
func postProto(t *testing.T, w *world.World, path string, body []byte, header http.Header) (status int, err error) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.OTLPHTTP+path, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := w.HTTPClient().Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

package isolation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter"
	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
	"github.com/datadogoauth/otelcol-datadogoauth/internal/isolation"
)

// episode is some time in the life of a collector with three exporters, in a bubble whose clock jumps. All that it decides comes out of rnd;
// what its goroutines do at the same moment is up to the scheduler.
type episode struct {
	t       *testing.T
	rnd     *rand.Rand
	notes   *notes
	budget  *atomic.Int64 // batches that are still to be sent
	grants  *grants
	datadog *datadog
	disk    *disk
	durable bool
	streams isolation.Streams
	failed  *atomic.Bool
	report  func(error)

	// moving is held by who changes an organisation, so that a batch is of the organisation that its tenant has when it is consumed.
	moving  sync.RWMutex
	metrics exporter.Metrics
	logs    exporter.Logs
	traces  exporter.Traces
	books   *componenttest.Telemetry // of the three of them
	// left are the items that the life before left on disk, settled those that it delivered or dropped.
	left, settled map[balance.Name]int
}

var (
	idGrants  = component.MustNewID("datadogoauth")
	idDatadog = component.MustNewID("datadog")
	idDisk    = component.MustNewID("disk")
)

// GetExtensions implements component.Host.
func (e *episode) GetExtensions() map[component.ID]component.Component {
	return map[component.ID]component.Component{idGrants: e.grants, idDatadog: e.datadog, idDisk: e.disk}
}

// newEpisode is of one seed.
func newEpisode(t *testing.T, rnd *rand.Rand, n *notes, budget *atomic.Int64, failed *atomic.Bool, report func(error)) *episode {
	e := &episode{t: t, rnd: rnd, notes: n, budget: budget, failed: failed, report: report, grants: newGrants(), disk: newDisk(), left: make(map[balance.Name]int), settled: make(map[balance.Name]int), durable: rnd.IntN(2) == 0}
	e.datadog = &datadog{grants: e.grants, report: report, notes: n, rnd: e.source()}
	return e
}

// source is one more source of random numbers, for another goroutine.
func (e *episode) source() *rand.Rand { return rand.New(rand.NewPCG(e.rnd.Uint64(), e.rnd.Uint64())) }

// run lives through some lives of the collector. Each ends in an orderly stop; what is on disk goes on in the next.
func (e *episode) run() {
	time.Sleep(24 * time.Hour) // a bubble begins in 2000, and spans before that are taken for wrong
	e.datadog.newMoods()
	lives := 1 + e.rnd.IntN(3)
	config := e.config()
	for life := range lives {
		e.start(config)
		e.live()
		if life == lives-1 {
			e.heal()
		}
		e.stop()
		if life > 0 && e.durable {
			e.notes.add("restart from disk")
		}
		if e.failed.Load() {
			break
		}
	}
	e.datadog.reading.Wait()
	for name, n := range e.left {
		if n != 0 && !e.failed.Load() {
			e.report(fmt.Errorf("%d %s are still on disk though everything works", n, name.Signal))
		}
	}
}

// live lets clients send while an operator does what operators do.
func (e *episode) live() {
	ended := make(chan struct{})
	operator := e.source()
	var clients, operators sync.WaitGroup
	operators.Go(func() { e.operate(operator, ended) })
	for range 2 + e.rnd.IntN(3) {
		c := client{episode: e, rnd: e.source()}
		c.generator = isolation.NewGenerator(e.source(), &e.streams)
		batches := 20 + e.rnd.IntN(60)
		clients.Go(func() { c.send(batches) })
	}
	clients.Wait()
	close(ended)
	operators.Wait()
}

// heal makes everything work, and waits for what was parked.
func (e *episode) heal() {
	e.datadog.heal()
	for n := range isolation.Tenants {
		e.grants.answer(n, nil)
		e.grants.rotate(n) // a lane whose key was refused waits for another
	}
	time.Sleep(3 * time.Minute)
}

// choose is one of some values.
func choose[T any](rnd *rand.Rand, of ...T) T { return of[rnd.IntN(len(of))] }

type section = map[string]any

// config is one of many. It is made of the keys of a collector file.
func (e *episode) config() section {
	rnd := e.rnd
	compression := func() string { return choose(rnd, "zstd", "gzip", "none") }
	queue := section{
		"num_consumers": 8 + rnd.IntN(6),
		"queue_size":    choose(rnd, 40_000, 1_000_000, 64<<20),
		"batch": section{
			// A tenant that is idle for ten times as long makes exporterhelper's batcher (v0.160.0) wait for a worker while it holds its lock. Who
			// waits for a lock stops the clock of a bubble, so nobody is idle for so long.
			"flush_timeout": choose(rnd, "40s", "1m"), "sizer": "bytes",
			"min_size": choose(rnd, 0, 1_000, 10_000), "max_size": choose(rnd, 10_000, 10_000, 3_000_000),
		},
	}
	if e.durable {
		queue["storage"] = "disk"
	}
	perTenant := choose(rnd, 3_000, 100_000, 16<<20)
	forms := section{"metrics": choose(rnd, "agent", "agent", "otlp"), "logs": choose(rnd, "agent", "agent", "otlp"), "traces": choose(rnd, "agent", "agent", "public", "otlp")}
	return section{
		"tenant":           section{"resource_attribute": true},
		"timeout":          choose(rnd, "2s", "20s"),
		"http":             section{"middlewares": []any{section{"id": "datadog"}}},
		"sending_queue":    queue,
		"retry_on_failure": section{"initial_interval": choose(rnd, "10ms", "1s"), "max_interval": "5s", "max_elapsed_time": choose(rnd, "1s", "20s", "5m")},
		"parking":          section{"max_bytes_per_tenant": perTenant, "max_bytes": 2 * perTenant},
		"host_metadata":    section{"enabled": rnd.IntN(2) == 0, "reporter_period": "5m"},
		"metrics": section{"intake": forms["metrics"], "compression": compression(), "max_series_per_tenant": choose(rnd, 20, 100_000),
			"histograms": section{"mode": choose(rnd, "distributions", "counters"), "send_aggregation_metrics": rnd.IntN(2) == 0},
			"sums":       section{"initial_cumulative_monotonic_value": choose(rnd, "auto", "keep", "drop")}},
		"logs":   section{"intake": forms["logs"], "compression": compression()},
		"traces": section{"intake": forms["traces"], "compression": compression(), "bucket_interval": "10s"},
	}
}

// start makes the exporters of one life.
func (e *episode) start(of section) {
	f := datadogoauthexporter.NewFactory()
	config := f.CreateDefaultConfig()
	err := confmap.NewFromStringMap(of).Unmarshal(config)
	if v, ok := config.(interface{ Validate() error }); ok {
		err = errors.Join(err, v.Validate())
	}
	if err != nil {
		e.t.Fatalf("%v: %v", of, err)
	}
	set := exportertest.NewNopSettings(f.Type())
	set.ID = component.NewID(f.Type())
	e.books = componenttest.NewTelemetry()
	set.TelemetrySettings = e.books.NewTelemetrySettings()
	ctx := context.Background()
	var errs [3]error
	e.metrics, errs[0] = f.CreateMetrics(ctx, set, config)
	e.logs, errs[1] = f.CreateLogs(ctx, set, config)
	e.traces, errs[2] = f.CreateTraces(ctx, set, config)
	if err := errors.Join(errs[:]...); err != nil {
		e.t.Fatal(err)
	}
	if err := errors.Join(e.metrics.Start(ctx, e), e.logs.Start(ctx, e), e.traces.Start(ctx, e)); err != nil {
		e.t.Fatal(err)
	}
}

func (e *episode) stop() {
	ctx := context.Background()
	var errs [3]error
	var stops sync.WaitGroup
	for i, c := range []component.Component{e.metrics, e.logs, e.traces} {
		stops.Go(func() { errs[i] = c.Shutdown(ctx) })
	}
	stops.Wait()
	var all metricdata.ResourceMetrics
	errs[0] = errors.Join(errs[0], e.books.Reader.Collect(ctx, &all))
	if err := errors.Join(append(errs[:], e.books.Shutdown(ctx))...); err != nil {
		e.report(fmt.Errorf("shutdown: %w", err))
	}
	e.balance(balance.Collected(all))
}

// balance checks the books of a life that has ended. Without a disk nothing is left of it. What is left on one, the next life finds, and besides what was
// settled of requests of which other parts were left: the durable queue has such a request as a whole.
func (e *episode) balance(books balance.Books) {
	for name := range e.left {
		if _, ok := books[name]; !ok {
			books[name] = balance.Account{}
		}
	}
	for name, a := range books {
		e.notes.addMany("accepted_items", a.Accepted)
		e.notes.addMany("delivered_items", a.Delivered)
		e.notes.addMany("dropped_items", a.Lost())
		e.notes.addMany("expired_items", a.Expired)
		e.notes.addMany("parked_items", a.Parked)
		e.notes.addMany("redriven_items", a.Redriven)
		e.notes.addMany("restored_items", a.Restored)
		if a.Restored < e.left[name] || a.Restored > e.left[name]+e.settled[name] {
			e.report(fmt.Errorf("the books of %s: %d items were left on disk, and %d settled: %s", name.Signal, e.left[name], e.settled[name], a))
		}
		e.notes.addMany("restored though settled", a.Restored-e.left[name])
		left := a.Missing()
		if left < 0 || left > 0 && !e.durable {
			e.report(fmt.Errorf("the books of %s: %d items are in no figure, if negative in one too many: %s", name.Signal, left, a))
		}
		if e.left[name] = left; e.durable {
			e.settled[name] = a.Settled()
		}
	}
}

// operate rotates keys, moves tenants to other organisations, and pauses and disconnects them, until the clients have ended.
func (e *episode) operate(rnd *rand.Rand, ended <-chan struct{}) {
	for {
		select {
		case <-ended:
			return
		case <-time.After(time.Duration(1+rnd.IntN(3_000)) * time.Millisecond):
		}
		tenant := rnd.IntN(isolation.Tenants)
		switch rnd.IntN(8) {
		case 0, 1, 2:
			e.grants.rotate(tenant)
			e.notes.add("key rotated")
		case 3:
			e.moving.Lock()
			e.grants.move(tenant, rnd)
			e.moving.Unlock()
			e.notes.add("organisation changed")
		case 4:
			e.grants.answer(tenant, choose(rnd, credential.ErrPaused, credential.ErrKeyMissing, credential.ErrDisconnected, credential.ErrNotReady))
			e.notes.add("tenant paused, disconnected or without a key")
		case 5, 6:
			e.grants.answer(tenant, nil)
		default:
			e.datadog.newMoods()
		}
	}
}

// client sends batches, each of a few tenants.
type client struct {
	*episode
	rnd       *rand.Rand
	generator *isolation.Generator
}

func (c *client) send(batches int) {
	for range batches {
		if c.failed.Load() || c.budget.Add(-1) < 0 {
			return
		}
		time.Sleep(time.Duration(c.rnd.IntN(300)) * time.Millisecond)
		tenants := c.rnd.Perm(isolation.Tenants)[:1+c.rnd.IntN(4)]
		switch c.rnd.IntN(3) {
		case 0:
			sendBatch(c, tenants, c.generator.Metrics, c.metrics.ConsumeMetrics, func(err error) (d pmetric.Metrics, left bool) {
				var of consumererror.Metrics
				if left = errors.As(err, &of); left {
					d = of.Data()
				}
				return d, left
			})
		case 1:
			sendBatch(c, tenants, c.generator.Logs, c.logs.ConsumeLogs, func(err error) (d plog.Logs, left bool) {
				var of consumererror.Logs
				if left = errors.As(err, &of); left {
					d = of.Data()
				}
				return d, left
			})
		default:
			sendBatch(c, tenants, c.generator.Traces, c.traces.ConsumeTraces, func(err error) (d ptrace.Traces, left bool) {
				var of consumererror.Traces
				if left = errors.As(err, &of); left {
					d = of.Data()
				}
				return d, left
			})
		}
	}
}

// sendBatch makes a batch and sends it, and what is left of it again a few times, as long as its tenants have the organisations that it is of.
func sendBatch[D any](c *client, tenants []int, generate func(time.Time, ...isolation.Owner) D, consume func(context.Context, D) error, rest func(error) (D, bool)) {
	c.moving.RLock()
	of := c.owners(tenants)
	data := generate(time.Now(), of...)
	c.notes.add("batches")
	err := consume(context.Background(), data)
	c.moving.RUnlock()
	for range 3 {
		left, again := rest(err)
		if err == nil || !again || consumererror.IsPermanent(err) {
			return
		}
		c.notes.add("batch refused, in part or whole")
		time.Sleep(time.Duration(c.rnd.IntN(2_000)) * time.Millisecond)
		c.moving.RLock()
		if now := c.owners(tenants); fmt.Sprint(now) == fmt.Sprint(of) {
			err = consume(context.Background(), left)
		} else {
			err = nil
		}
		c.moving.RUnlock()
	}
}

func (c *client) owners(tenants []int) (of []isolation.Owner) {
	for _, n := range tenants {
		of = append(of, c.grants.owner(n))
	}
	return of
}

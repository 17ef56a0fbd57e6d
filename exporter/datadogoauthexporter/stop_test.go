package datadogoauthexporter

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// TestAStopIsShortWhateverHangs has two customers, one of whose site never answers: some of its data is under way, some in back-off, most in the queue or
// in batches, and some parked for a third one that is paused. The stop ends in time. Without a storage the books say what became of each record; with one everything
// arrives after a restart.
func TestAStopIsShortWhateverHangs(t *testing.T) {
	t.Parallel()
	for _, durable := range []bool{false, true} {
		for _, flush := range []time.Duration{20 * time.Millisecond, time.Minute} {
			t.Run(fmt.Sprintf("durable %t, batches of %s", durable, flush), func(t *testing.T) {
				t.Parallel()
				stopWhileASiteHangs(t, durable, flush)
			})
		}
	}
}

func stopWhileASiteHangs(t *testing.T, durable bool, flush time.Duration) {
	const calls, timeout = 40, 2 * time.Second
	d, h := twoSites(t)
	h.grants.Grant("paused", us5, us5Key, 1, false)
	h.grants.Fail("paused", credential.ErrPaused)
	release, hanging := make(chan struct{}), make(chan struct{}, 1000)
	d.answers(func(r received, _ http.Header) int {
		if r.site == eu {
			hanging <- struct{}{}
			<-release
		}
		return http.StatusAccepted
	})
	cfg := d.config()
	cfg.ShutdownTimeout = timeout
	cfg.Queue.Get().Batch.Get().FlushTimeout = flush
	if durable {
		id := component.MustNewID("file_storage")
		h.extensions[id] = newStorage()
		cfg.Queue.Get().StorageID = &id
	}
	set, tel := settings(t)
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	for range calls {
		if err := e.ConsumeLogs(context.Background(), logsOf("acme", "globex", "paused")); err != nil {
			t.Fatal(err)
		}
	}
	if flush < time.Second {
		<-hanging
	}
	begin := time.Now()
	if err := e.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > timeout+500*time.Millisecond {
		t.Errorf("the stop took %s", took)
	}
	if !durable {
		figuresOf(t, tel, "logs", fmt.Sprintf("accepted %d delivered %d shutdown %d", 3*calls, calls, 2*calls))
		close(release)
		return
	}
	close(release)
	d.answers(nil)
	cfg.Queue.Get().Batch.Get().FlushTimeout = 20 * time.Millisecond
	h.grants.Grant("paused", us5, us5Key, 1, false)
	again, err := createLogs(context.Background(), set, cfg)
	run(t, again, err, h)
	arrived := make(map[string]int)
	within(t, func() bool {
		for len(d.got) > 0 {
			r := <-d.got
			for _, tenant := range []string{"acme", "globex", "paused"} {
				arrived[tenant] += strings.Count(r.body, "hello from "+tenant)
			}
		}
		return arrived["acme"] >= calls && arrived["globex"] >= calls && arrived["paused"] >= calls
	})
	if n := counted(t, tel, "dropped_items", "logs", "shutdown"); n != 0 {
		t.Errorf("%d records are counted as lost", n)
	}
}

// TestAStopGoesOnWithoutABatcherThatDoesNotEnd: what it was given and did not bring is counted.
func TestAStopGoesOnWithoutABatcherThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	d, h := twoSites(t)
	cfg := d.config()
	cfg.ShutdownTimeout = time.Second
	set, tel := settings(t)
	e, err := createMetrics(context.Background(), set, cfg)
	m := run(t, e, err, h).(*metricsExporter)
	inner := m.next
	release := make(chan struct{})
	m.next.Component = endless{until: release}
	swallowed := 0
	m.next.consume = func(ctx context.Context, _ pmetric.Metrics) error {
		_, err := converter(ctx, 0)
		swallowed++
		return err
	}
	if err := m.ConsumeMetrics(context.Background(), metricsOf("acme")); err != nil || swallowed == 0 {
		t.Fatalf("%d requests: %v", swallowed, err)
	}
	begin := time.Now()
	if err := m.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 1500*time.Millisecond {
		t.Errorf("the stop took %s", took)
	}
	figures(t, tel, "accepted 2 shutdown 2")
	close(release)
	if err := inner.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestSignalsShareTheTimeToStop: what one of them leaves, the others have, and once all have stopped there is all of it again.
func TestSignalsShareTheTimeToStop(t *testing.T) {
	t.Parallel()
	var s sharedStop
	for range 3 {
		s.started()
	}
	for i, c := range []struct{ want, took time.Duration }{{10, 10}, {10, 2}, {18, 20}, {30, 0}} {
		if got := s.share(30); got != c.want {
			t.Errorf("the stop %d may take %d, want %d", i, got, c.want)
		}
		s.ended(c.took)
	}
}

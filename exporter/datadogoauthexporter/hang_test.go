package datadogoauthexporter

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// hangingStorage is a memoryStorage none of whose operations ends while it hangs.
type hangingStorage struct {
	*memoryStorage
	hangs atomic.Pointer[chan struct{}] // closed when it goes on; nil if it does not hang
}

// hang has it hang until the returned function is called.
func (s *hangingStorage) hang() (goOn func()) {
	until := make(chan struct{})
	s.hangs.Store(&until)
	return func() {
		s.hangs.Store(nil)
		close(until)
	}
}

func (s *hangingStorage) wait() {
	if until := s.hangs.Load(); until != nil {
		<-*until
	}
}

// GetClient implements storage.Extension.
func (s *hangingStorage) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	client, err := s.memoryStorage.GetClient(ctx, kind, id, name)
	return &hangingClient{client, s}, err
}

type hangingClient struct {
	storage.Client
	of *hangingStorage
}

// Batch implements storage.Client.
func (c *hangingClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	c.of.wait()
	return c.Client.Batch(ctx, ops...)
}

// Close implements storage.Client.
func (c *hangingClient) Close(ctx context.Context) error {
	c.of.wait()
	return c.Client.Close(ctx)
}

// TestAStopIsBoundedWhileTheDiskHangs stops three signals that share their time. Each says why it ends without the disk, and what is stored, parked data among it,
// arrives after a restart.
func TestAStopIsBoundedWhileTheDiskHangs(t *testing.T) {
	t.Parallel()
	const timeout = 3 * time.Second
	d, h := twoSites(t)
	h.grants.Fail("acme", credential.ErrPaused)
	d.got = make(chan received, 100)
	disk, id := &hangingStorage{memoryStorage: newStorage()}, component.MustNewID("file_storage")
	h.extensions[id] = disk
	cfg := d.config()
	cfg.ShutdownTimeout, cfg.Queue.Get().StorageID = timeout, &id
	set, _ := settings(t)
	ctx := context.Background()
	m, err := createMetrics(ctx, set, cfg)
	m = run(t, m, err, h)
	l, err := createLogs(ctx, set, cfg)
	l = run(t, l, err, h)
	tr, err := createTraces(ctx, set, cfg)
	tr = run(t, tr, err, h)
	if err := errors.Join(m.ConsumeMetrics(ctx, metricsOf("acme")), l.ConsumeLogs(ctx, logsOf("acme")), tr.ConsumeTraces(ctx, tracesOf("acme"))); err != nil {
		t.Fatal(err)
	}
	within(t, func() bool { // all is parked
		disk.mu.Lock()
		defer disk.mu.Unlock()
		n := map[string]bool{}
		for key := range disk.values {
			if name, _, ok := strings.Cut(key, "/outline/"); ok {
				n[name] = true
			}
		}
		return len(n) == 3
	})
	goOn := disk.hang()
	begin := time.Now()
	for _, e := range []component.Component{m, l, tr} {
		if err := e.Shutdown(ctx); err == nil || !strings.Contains(err.Error(), "storage does not answer") {
			t.Errorf("the stop ended with %v", err)
		}
	}
	if took := time.Since(begin); took > timeout+3*hangsAfter+500*time.Millisecond {
		t.Errorf("the stops took %s", took)
	}
	goOn()
	h.grants.Grant("acme", eu, euKey, 2, false)
	again, err := createLogs(ctx, set, cfg)
	run(t, again, err, h)
	within(t, func() bool {
		select {
		case r := <-d.got:
			return strings.Contains(r.body, "hello from acme")
		default:
			return false
		}
	})
}

package datadogoauthexporter

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// queueGuard stands between exporterhelper's queue and its storage. It closes windows in which the queue (v0.160.0) loses what was acknowledged
// (see queueClient), and a queue that cannot be opened refuses its own signal, in place of ending the collector.
type queueGuard struct {
	storage.Extension
	core     *core
	id       component.ID
	client   atomic.Pointer[queueClient] // nil before exporterhelper asked for it
	stop     chan struct{}
	stopOnce sync.Once
}

// guardQueue makes a queueGuard of the storage that the queue names. It returns nil if there is none.
func (c *core) guardQueue(host component.Host) *queueGuard {
	id := c.cfg.Queue.Get().StorageID
	if id == nil {
		return nil
	}
	ext, ok := host.GetExtensions()[*id].(storage.Extension)
	if !ok {
		return nil // the queue tells that it is missing
	}
	return &queueGuard{Extension: ext, core: c, id: *id, stop: make(chan struct{})}
}

// host is a host whose storage is guarded, and the same one if there is no storage.
func (s *queueGuard) host(host component.Host) component.Host {
	if s == nil {
		return host
	}
	extensions := maps.Clone(host.GetExtensions())
	extensions[s.id] = s
	return &watchedHost{host, extensions}
}

// GetClient implements storage.Extension. It returns no error: a queue that cannot be opened, or that fails while it starts, takes nothing until the next
// start, and its senders are told why. Nothing that it holds is overwritten meanwhile.
func (s *queueGuard) GetClient(ctx context.Context, kind component.Kind, owner component.ID, name string) (storage.Client, error) {
	health := s.core.files.of(fileQueue, fileName(owner, name))
	c := &queueClient{
		close:    func(err error) error { return health.unusable("the queue of "+name+" takes nothing", err) },
		health:   health,
		patience: patience{lasts: s.core.patientFor, stop: s.stop},
	}
	var err error
	if c.Client, err = openClient(ctx, s.Extension, kind, owner, name, c.found.see); err != nil {
		_ = c.fail(err)
	}
	s.client.Store(c)
	return c, nil
}

// started says that the queue has begun.
func (s *queueGuard) started(ctx context.Context) {
	if s == nil {
		return
	}
	if c := s.client.Load(); c != nil {
		c.settle(ctx)
	}
}

// keep takes a copy of a request that cannot be read, which the queue is about to delete. It returns the key that it has in the file then, "" for none.
func (s *queueGuard) keep(stored []byte) (key string) {
	if s == nil {
		return ""
	}
	if c := s.client.Load(); c != nil {
		return c.behind.keep(context.Background(), c.Client, stored)
	}
	return ""
}

// stops says that the exporter is about to stop.
func (s *queueGuard) stops() {
	if s != nil {
		s.stopOnce.Do(func() { close(s.stop) })
	}
}

// trouble says why the queue takes nothing at the moment, nil if it does.
func (s *queueGuard) trouble() error {
	if s == nil {
		return nil
	}
	if c := s.client.Load(); c != nil {
		return c.trouble()
	}
	return nil
}

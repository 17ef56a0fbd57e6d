package datadogoauthexporter

import (
	"context"
	"maps"
	"sync/atomic"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// queueGuard stands between exporterhelper's queue and its storage. It closes windows in which the queue (v0.160.0) loses what was acknowledged
// (see queueClient), and a queue that cannot be opened refuses its own signal, in place of ending the collector.
type queueGuard struct {
	storage.Extension
	reporter component.Host // told of the first failure
	id       component.ID
	logger   *zap.Logger
	client   atomic.Pointer[queueClient] // nil before exporterhelper asked for it
}

// guardQueue makes a queueGuard of the storage that a queue names. It returns nil if there is none.
func guardQueue(host component.Host, id *component.ID, logger *zap.Logger) *queueGuard {
	if id == nil {
		return nil
	}
	ext, ok := host.GetExtensions()[*id].(storage.Extension)
	if !ok {
		return nil // the queue tells that it is missing
	}
	return &queueGuard{Extension: ext, reporter: host, id: *id, logger: logger}
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
	c := &queueClient{close: func(err error) error {
		return damagedFile(s.reporter, s.logger, owner, name, "the queue of "+name+" takes nothing", err)
	}}
	var err error
	if c.Client, err = openClient(ctx, s.Extension, kind, owner, name); err != nil {
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

// trouble says why the queue takes nothing, nil if it does.
func (s *queueGuard) trouble() error {
	if s == nil {
		return nil
	}
	if c := s.client.Load(); c != nil {
		return c.trouble()
	}
	return nil
}

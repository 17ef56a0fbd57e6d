package datadogoauthexporter

import (
	"context"
	"maps"
	"strconv"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// queueWatch follows what exporterhelper's durable queue (v0.160.0) reads and deletes, so that a request that is delivered and not deleted yet keeps its
// place: a crash makes it one of those that are sent twice. The queue numbers its items, and uses the number as the key in its storage.
type queueWatch struct {
	*core
	read uint64 // number of the item read last, plus 1; the queue reads and decodes under one lock
}

// host is the collector for exporterhelper, with the storage of the queue watched.
func (w *queueWatch) host(h component.Host) component.Host {
	id := w.cfg.Queue.Get().StorageID
	if id == nil {
		return h
	}
	ext, ok := h.GetExtensions()[*id].(storage.Extension)
	if !ok {
		return h // exporterhelper says so
	}
	all := maps.Clone(h.GetExtensions())
	all[*id] = &watchedStorage{ext, w}
	return &watchedHost{h, all}
}

type watchedHost struct {
	component.Host
	extensions map[component.ID]component.Component
}

func (h *watchedHost) GetExtensions() map[component.ID]component.Component { return h.extensions }

type watchedStorage struct {
	storage.Extension
	watch *queueWatch
}

// GetClient implements storage.Extension, for the queue alone.
func (s *watchedStorage) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	client, err := s.Extension.GetClient(ctx, kind, id, name)
	if err != nil {
		return nil, err
	}
	return &watchedClient{client, s.watch}, nil
}

type watchedClient struct {
	storage.Client
	watch *queueWatch
}

// Batch implements storage.Client. An item whose deletion failed is deleted for us: the queue does not try again.
func (c *watchedClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	err := c.Client.Batch(ctx, ops...)
	for _, op := range ops {
		number, notItem := strconv.ParseUint(op.Key, 10, 64)
		switch {
		case notItem != nil:
		case op.Type == storage.Get:
			c.watch.read = number + 1
		case op.Type == storage.Delete:
			c.watch.dispatcher.Load().Deleted(number)
		}
	}
	return err
}

// watchedEncoding tells each request where the queue has it.
type watchedEncoding struct {
	intake.Encoding
	watch *queueWatch
}

// Unmarshal follows the Batch that read data.
func (e watchedEncoding) Unmarshal(data []byte) (context.Context, xexporterhelper.Request, error) {
	ctx, r, err := e.Encoding.Unmarshal(data)
	if req, ok := r.(*intake.Request); ok && err == nil && e.watch.read > 0 {
		req.Stored = []uint64{e.watch.read - 1}
	}
	e.watch.read = 0
	return ctx, r, err
}

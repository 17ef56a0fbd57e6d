package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// ownFile is what the exporter keeps beside the queue, in the queue's storage, such as what is parked. A file that is damaged ends neither the collector
// nor the exporter: its operations fail, each with the reason.
type ownFile struct {
	client  storage.Client
	failure error // why it is not used; set before anybody uses it
}

var _ storage.Client = (*ownFile)(nil)

// openFile opens the file of that name. It returns nil if the queue has no storage.
func openFile(ctx context.Context, host component.Host, exporter component.ID, id *component.ID, name string) *ownFile {
	if id == nil {
		return nil
	}
	ext, ok := host.GetExtensions()[*id].(storage.Extension)
	if !ok {
		return nil // the queue tells that it is missing
	}
	f := &ownFile{}
	f.client, f.failure = openClient(ctx, ext, component.KindExporter, exporter, name)
	return f
}

// Batch implements storage.Client.
func (f *ownFile) Batch(ctx context.Context, ops ...*storage.Operation) error {
	if f.failure != nil {
		return f.failure
	}
	return recovered(func() error { return f.client.Batch(ctx, ops...) })
}

// Get implements storage.Client.
func (f *ownFile) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := f.Batch(ctx, op)
	return op.Value, err
}

// Set implements storage.Client.
func (f *ownFile) Set(ctx context.Context, key string, value []byte) error {
	return f.Batch(ctx, storage.SetOperation(key, value))
}

// Delete implements storage.Client.
func (f *ownFile) Delete(ctx context.Context, key string) error {
	return f.Batch(ctx, storage.DeleteOperation(key))
}

// Close implements storage.Client.
func (f *ownFile) Close(ctx context.Context) error {
	if f.client == nil {
		return nil
	}
	return recovered(func() error { return f.client.Close(ctx) })
}

// damagedFile says that a file of the storage is not used until the next start, in the log, to the collector and in the returned error. without tells what
// that means.
func damagedFile(host component.Host, logger *zap.Logger, owner component.ID, name, without string, err error) error {
	err = fmt.Errorf("sending_queue::storage: %s until the next start: %w; look at its file (of file_storage: %s), or move it away",
		without, err, fileName(owner, name))
	logger.Error("A stored file cannot be used", zap.Error(err))
	componentstatus.ReportStatus(host, componentstatus.NewRecoverableErrorEvent(err))
	return err
}

// openClient opens a file of a storage, unless it is damaged.
func openClient(ctx context.Context, ext storage.Extension, kind component.Kind, owner component.ID, name string) (client storage.Client, err error) {
	if err := checkFile(ext, owner, name); err != nil {
		return nil, fmt.Errorf("the storage is damaged: %w", err)
	}
	err = recovered(func() (err error) {
		client, err = ext.GetClient(ctx, kind, owner, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return client, nil
}

// recovered turns a panic into an error: bbolt, which file_storage is built on, panics where a page is damaged, and reads beyond the end of a file that was
// cut off.
func recovered(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(err, fmt.Errorf("the storage is damaged: %v", r))
		}
	}()
	return f()
}

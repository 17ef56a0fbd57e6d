package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// ownFile is what the exporter keeps beside the queue, in the queue's storage, such as what is parked. A file that is damaged ends neither the collector
// nor the exporter: its operations fail, each with the reason.
type ownFile struct {
	client  storage.Client
	health  *fileHealth
	failure error // why it is not used; set before anybody uses it
}

var _ storage.Client = (*ownFile)(nil)

// openFile opens a file by what it is for, and the name that it has in the storage. It returns nil if the queue has no storage.
func (c *core) openFile(ctx context.Context, host component.Host, file, name string) *ownFile {
	id := c.cfg.Queue.Get().StorageID
	if id == nil {
		return nil
	}
	ext, ok := host.GetExtensions()[*id].(storage.Extension)
	if !ok {
		return nil // the queue tells that it is missing
	}
	f := &ownFile{health: c.files.of(file, fileName(c.set.ID, name))}
	f.client, f.failure = openClient(ctx, ext, component.KindExporter, c.set.ID, name, nil)
	return f
}

// unusable ends the use of the file. without tells what that means.
func (f *ownFile) unusable(without string, err error) {
	f.failure = f.health.unusable(without, err)
}

// Batch implements storage.Client.
func (f *ownFile) Batch(ctx context.Context, ops ...*storage.Operation) error {
	if f.failure != nil {
		return f.failure
	}
	err := recovered(func() error { return f.client.Batch(ctx, ops...) })
	f.health.note(err)
	return err
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

// errDamagedFile is a file that does not heal.
var errDamagedFile = errors.New("the storage is damaged")

// openClient opens a file of a storage, unless it is damaged. visit is that of checkFile.
func openClient(ctx context.Context, ext storage.Extension, kind component.Kind, owner component.ID, name string, visit func(key []byte)) (client storage.Client, err error) {
	if err := checkFile(ext, owner, name, visit); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamagedFile, err)
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
			err = errors.Join(err, fmt.Errorf("%w: %v", errDamagedFile, r))
		}
	}()
	return f()
}

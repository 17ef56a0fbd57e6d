package isolation_test

import (
	"bytes"
	"context"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// disk is a storage extension that outlives the exporters on it.
type disk struct {
	component.StartFunc
	component.ShutdownFunc
	mu     sync.Mutex
	values map[string][]byte // guarded by mu
}

// folder is the part of a disk that one client has.
type folder struct {
	*disk
	name string
}

var (
	_ storage.Extension = (*disk)(nil)
	_ storage.Client    = (*folder)(nil)
	_ storage.Walker    = (*folder)(nil)
)

func newDisk() *disk { return &disk{values: make(map[string][]byte)} }

// GetClient implements storage.Extension.
func (d *disk) GetClient(_ context.Context, _ component.Kind, id component.ID, name string) (storage.Client, error) {
	return &folder{d, id.String() + "/" + name + "/"}, nil
}

// Get implements storage.Client.
func (f *folder) Get(_ context.Context, key string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Clone(f.values[f.name+key]), nil
}

// Set implements storage.Client.
func (f *folder) Set(ctx context.Context, key string, value []byte) error {
	return f.Batch(ctx, storage.SetOperation(key, value))
}

// Delete implements storage.Client.
func (f *folder) Delete(ctx context.Context, key string) error {
	return f.Batch(ctx, storage.DeleteOperation(key))
}

// Batch implements storage.Client.
func (f *folder) Batch(_ context.Context, ops ...*storage.Operation) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.apply(ops)
	return nil
}

func (f *folder) apply(ops []*storage.Operation) {
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = bytes.Clone(f.values[f.name+op.Key])
		case storage.Set:
			f.values[f.name+op.Key] = bytes.Clone(op.Value)
		case storage.Delete:
			delete(f.values, f.name+op.Key)
		}
	}
}

// Walk implements storage.Walker.
func (f *folder) Walk(_ context.Context, fn storage.WalkFunc) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*storage.Operation
	for name, value := range f.values {
		key, mine := strings.CutPrefix(name, f.name)
		if !mine {
			continue
		}
		ops, err := fn(key, bytes.Clone(value))
		if err != nil && err != storage.SkipAll { //nolint:errorlint // as io/fs says of its own
			return err
		}
		all = append(all, ops...)
		if err != nil {
			break
		}
	}
	f.apply(all)
	return nil
}

// Close implements storage.Client.
func (f *folder) Close(context.Context) error { return nil }

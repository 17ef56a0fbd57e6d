package datadogoauthexporter

import (
	"bytes"
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// memoryStorage is a storage extension that outlives the exporters on it.
type memoryStorage struct {
	component.StartFunc
	component.ShutdownFunc
	mu     sync.Mutex
	values map[string][]byte // guarded by mu
}

var (
	_ storage.Extension = (*memoryStorage)(nil)
	_ storage.Client    = (*memoryStorage)(nil)
)

func newStorage() *memoryStorage { return &memoryStorage{values: map[string][]byte{}} }

// fill writes one request in the oldest form of the queue: read index, write index, item.
func (s *memoryStorage) fill(item string) {
	s.values["ri"] = make([]byte, 8)
	s.values["wi"] = append([]byte{1}, make([]byte, 7)...)
	s.values["0"] = []byte(item)
}

// GetClient implements storage.Extension. All clients share everything, since the tests have one.
func (s *memoryStorage) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return s, nil
}

// Get implements storage.Client.
func (s *memoryStorage) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.values[key]), nil
}

// Set implements storage.Client.
func (s *memoryStorage) Set(ctx context.Context, key string, value []byte) error {
	return s.Batch(ctx, storage.SetOperation(key, value))
}

// Delete implements storage.Client.
func (s *memoryStorage) Delete(ctx context.Context, key string) error {
	return s.Batch(ctx, storage.DeleteOperation(key))
}

// Batch implements storage.Client.
func (s *memoryStorage) Batch(_ context.Context, ops ...*storage.Operation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = bytes.Clone(s.values[op.Key])
		case storage.Set:
			s.values[op.Key] = bytes.Clone(op.Value)
		case storage.Delete:
			delete(s.values, op.Key)
		}
	}
	return nil
}

// Close implements storage.Client.
func (s *memoryStorage) Close(context.Context) error { return nil }

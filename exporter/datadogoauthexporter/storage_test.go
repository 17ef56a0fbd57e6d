package datadogoauthexporter

import (
	"bytes"
	"context"
	"errors"
	"strings"
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
	broken string            // the name of a client that cannot be had
	full   string            // the name of a client that writes nothing; guarded by mu
	// onDelete is waited for before something is deleted, unless it is nil. Guarded by mu.
	onDelete chan struct{}
}

// memoryClient is the part of a memoryStorage that belongs to one purpose of the exporters.
type memoryClient struct {
	*memoryStorage
	name string
}

var (
	_ storage.Extension = (*memoryStorage)(nil)
	_ storage.Client    = (*memoryClient)(nil)
)

func newStorage() *memoryStorage { return &memoryStorage{values: map[string][]byte{}} }

// fill writes one request in the oldest form of the queue of logs: read index, write index, item.
func (s *memoryStorage) fill(item string) {
	s.values["logs/ri"] = make([]byte, 8)
	s.values["logs/wi"] = append([]byte{1}, make([]byte, 7)...)
	s.values["logs/0"] = []byte(item)
}

// count is the number of keys with a prefix.
func (s *memoryStorage) count(prefix string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key := range s.values {
		if strings.HasPrefix(key, prefix) {
			n++
		}
	}
	return n
}

// GetClient implements storage.Extension. Exporters share clients of the same name, since a test has one at a time.
func (s *memoryStorage) GetClient(_ context.Context, _ component.Kind, _ component.ID, name string) (storage.Client, error) {
	if name == s.broken && name != "" {
		return nil, errors.New("the disk is full")
	}
	return &memoryClient{s, name + "/"}, nil
}

// Get implements storage.Client.
func (s *memoryClient) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.values[s.name+key]), nil
}

// Set implements storage.Client.
func (s *memoryClient) Set(ctx context.Context, key string, value []byte) error {
	return s.Batch(ctx, storage.SetOperation(key, value))
}

// Delete implements storage.Client.
func (s *memoryClient) Delete(ctx context.Context, key string) error {
	return s.Batch(ctx, storage.DeleteOperation(key))
}

// Batch implements storage.Client.
func (s *memoryClient) Batch(_ context.Context, ops ...*storage.Operation) error {
	s.mu.Lock()
	wait := s.onDelete
	s.mu.Unlock()
	if wait != nil && ops[len(ops)-1].Type == storage.Delete {
		<-wait
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.full != "" && s.name == s.full+"/" {
		return errors.New("the disk is full")
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = bytes.Clone(s.values[s.name+op.Key])
		case storage.Set:
			s.values[s.name+op.Key] = bytes.Clone(op.Value)
		case storage.Delete:
			delete(s.values, s.name+op.Key)
		}
	}
	return nil
}

// Close implements storage.Client.
func (s *memoryClient) Close(context.Context) error { return nil }

package tenancytest

import (
	"bytes"
	"context"
	"errors"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Disk is a storage whose process can be killed between two transactions. The zero Disk is empty and works. It outlives its clients.
type Disk struct {
	mu     sync.Mutex // guards everything below
	values map[string][]byte
	writes int
	dieAt  int
	late   bool
	dead   bool
}

var _ storage.Client = (*Disk)(nil)

// ErrDead is the error of everything after the kill.
var ErrDead = errors.New("the process is dead, or the disk full")

// DieAt kills at the nth transaction from now on that changes something, 0 for never. late says that this one is on the disk, though nobody is
// told.
func (d *Disk) DieAt(n int, late bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes, d.dieAt, d.late, d.dead = 0, n, late, false
}

// Dead says that the kill was.
func (d *Disk) Dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dead
}

// Keys is how many keys there are.
func (d *Disk) Keys() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.values)
}

// Change replaces values.
func (d *Disk) Change(f func(key string, value []byte) []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, value := range d.values {
		d.values[key] = f(key, value)
	}
}

// Batch implements storage.Client.
func (d *Disk) Batch(_ context.Context, ops ...*storage.Operation) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.values == nil {
		d.values = make(map[string][]byte)
	}
	writes := 0
	for _, op := range ops {
		if op.Type != storage.Get {
			writes = 1
		}
	}
	d.writes += writes
	kill := writes > 0 && d.writes == d.dieAt
	if d.dead || kill && !d.late {
		d.dead = true
		return ErrDead
	}
	for _, op := range ops {
		switch op.Type {
		case storage.Get:
			op.Value = bytes.Clone(d.values[op.Key])
		case storage.Set:
			d.values[op.Key] = bytes.Clone(op.Value)
		case storage.Delete:
			delete(d.values, op.Key)
		}
	}
	if kill {
		d.dead = true
		return ErrDead
	}
	return nil
}

// Get implements storage.Client.
func (d *Disk) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := d.Batch(ctx, op)
	return op.Value, err
}

// Set implements storage.Client.
func (d *Disk) Set(ctx context.Context, key string, value []byte) error {
	return d.Batch(ctx, storage.SetOperation(key, value))
}

// Delete implements storage.Client.
func (d *Disk) Delete(ctx context.Context, key string) error {
	return d.Batch(ctx, storage.DeleteOperation(key))
}

// Close implements storage.Client.
func (d *Disk) Close(context.Context) error { return nil }

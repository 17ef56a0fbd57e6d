package datadogoauthexporter

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// queueClient passes on what exporterhelper's queue (v0.160.0) asks of its storage, but for these:
//
//   - At its start the queue reads the items that consumers had, deletes all of them, and then writes them one by one at its end. A process that
//     is killed in between has lost the rest. Here the old place is deleted with the writing of the new one.
//   - Where its place in the queue cannot be read at the start, or is damaged, the queue begins anew at 0 and overwrites what is there. Here it is
//     closed.
//   - To take an item out, the queue notes that and reads the item, in one batch. If that fails, as on a full disk, it deletes the item. Here the item
//     is read without the note, which the next one makes good: at worst the item is sent again after a crash.
type queueClient struct {
	storage.Client                         // nil if it could not be opened
	close          func(err error) error   // tells of the first failure
	failure        atomic.Pointer[failure] // why the queue is closed; nil if it is not

	starting sync.Mutex   // held by operations of the start
	begun    atomic.Bool  // from then on operations pass
	read     []*operation // the last items that were read together; guarded by starting
	left     []*operation // those of them that are at their old place still; guarded by starting
}

type (
	operation = storage.Operation
	failure   struct{ error }
)

// fail closes the queue.
func (c *queueClient) fail(err error) error {
	c.failure.CompareAndSwap(nil, &failure{c.close(err)})
	return c.trouble()
}

// trouble says why the queue is closed, nil if it is not.
func (c *queueClient) trouble() error {
	if f := c.failure.Load(); f != nil {
		return f.error
	}
	return nil
}

// Get implements storage.Client.
func (c *queueClient) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

// Set implements storage.Client.
func (c *queueClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

// Delete implements storage.Client.
func (c *queueClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

// Batch implements storage.Client.
func (c *queueClient) Batch(ctx context.Context, ops ...*operation) error {
	if err := c.trouble(); err != nil {
		return err
	}
	if c.begun.Load() {
		return c.pass(ctx, ops)
	}
	c.starting.Lock()
	defer c.starting.Unlock()
	if all(ops, storage.Delete) && slices.EqualFunc(ops, c.read, func(a, b *operation) bool { return a.Key == b.Key }) {
		c.left = slices.DeleteFunc(slices.Clone(c.read), func(op *operation) bool { return op.Value == nil })
		return nil
	}
	moved := c.moved(ops)
	if moved >= 0 {
		ops = append(slices.Clone(ops), storage.DeleteOperation(c.left[moved].Key))
	}
	reading := all(ops, storage.Get)
	err := c.pass(ctx, ops)
	if err == nil && reading && len(ops) == 1 && ops[0].Key == queuePlace && !isProtobuf(ops[0].Value) {
		err = errors.New("the place in the queue is damaged")
	}
	switch {
	case err != nil && (moved >= 0 || reading):
		return c.fail(err)
	case err == nil && moved >= 0:
		c.left = slices.Delete(c.left, moved, moved+1)
	case err == nil && reading:
		c.read = ops
	}
	return err
}

// moved finds the item that ops write at its new place, -1 if they write none.
func (c *queueClient) moved(ops []*operation) int {
	return slices.IndexFunc(c.left, func(old *operation) bool {
		return slices.ContainsFunc(ops, func(op *operation) bool { return op.Type == storage.Set && intake.SameRequest(op.Value, old.Value) })
	})
}

// pass makes the operations, those that read an item without the others if it must.
func (c *queueClient) pass(ctx context.Context, ops []*operation) error {
	err := recovered(func() error { return c.Client.Batch(ctx, ops...) })
	if err == nil || !slices.ContainsFunc(ops, isGet) || all(ops, storage.Get) {
		return err
	}
	reads := slices.DeleteFunc(slices.Clone(ops), func(op *operation) bool { return op.Type != storage.Get })
	if recovered(func() error { return c.Client.Batch(ctx, reads...) }) != nil {
		return c.fail(err) // otherwise the queue deletes what it cannot read
	}
	return nil
}

// settle ends the start. What is at its old place still was read and is of no use, or was written in another form; either way nobody asks for it again.
func (c *queueClient) settle(ctx context.Context) {
	c.starting.Lock()
	defer c.starting.Unlock()
	if c.trouble() == nil && len(c.left) > 0 {
		ops := make([]*operation, len(c.left))
		for i, op := range c.left {
			ops[i] = storage.DeleteOperation(op.Key)
		}
		_ = c.pass(ctx, ops) // it is in nobody's way
	}
	c.read, c.left = nil, nil
	c.begun.Store(true)
}

// Close implements storage.Client.
func (c *queueClient) Close(ctx context.Context) error {
	if c.Client == nil {
		return nil
	}
	return recovered(func() error { return c.Client.Close(ctx) })
}

// queuePlace is the key under which the queue keeps where it is, in protobuf.
const queuePlace = "qmv0"

func isProtobuf(b []byte) bool {
	for len(b) > 0 {
		_, _, n := protowire.ConsumeField(b)
		if n < 0 {
			return false
		}
		b = b[n:]
	}
	return true
}

func isGet(op *operation) bool { return op.Type == storage.Get }

// all says that there are operations, all of one kind.
func all(ops []*operation, kind storage.OpType) bool {
	return len(ops) > 0 && !slices.ContainsFunc(ops, func(op *operation) bool { return op.Type != kind })
}

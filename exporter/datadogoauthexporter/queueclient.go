package datadogoauthexporter

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// queueClient passes on what exporterhelper's queue (v0.160.0) asks of its storage, but for these:
//
//   - At its start the queue reads the items that consumers had, deletes all of them, and then writes them one by one at its end. A process that
//     is killed in between has lost the rest. Here the old place is deleted with the writing of the new one.
//   - Where its place in the queue cannot be read at the start, is missing or is damaged, the queue begins anew at 0 and overwrites what is there, or
//     looks for items without end. Here it is closed, once trying again is of no use; see queuePlace.
//   - To take an item out, the queue notes that and reads the item, in one batch. If that fails, as on a full disk, it deletes the item. Here the item
//     is read without the note, which the next one makes good: at worst the item is sent again after a crash. Where it cannot be read either, it is tried
//     again for a while, and then the queue is closed.
//   - What a newer version stored the queue would delete. Here it is closed.
//   - What it cannot delete the queue forgets, so that it is in the file for ever. Here it is deleted with a later write; see queueBehind.
type queueClient struct {
	storage.Client                             // nil if it could not be opened
	close          func(err error) error       // tells of the first failure
	health         *fileHealth                 // told of the outcome of operations
	closed         atomic.Pointer[fileFailure] // why the queue is closed; nil if it is not
	patience
	behind queueBehind
	found  queueKeys // in the file before it was opened

	starting sync.Mutex   // held by operations of the start
	begun    atomic.Bool  // from then on operations pass
	read     []*operation // the last items that were read together; guarded by starting
	left     []*operation // those of them that are at their old place still; guarded by starting
}

type operation = storage.Operation

// errNewerVersion closes a queue.
var errNewerVersion = errors.New("a newer version of this exporter wrote what is in it, so nothing of it is taken or deleted; run that version until the queue is empty")

// fail closes the queue.
func (c *queueClient) fail(err error) error {
	c.closed.CompareAndSwap(nil, &fileFailure{c.close(err)})
	return c.closed.Load()
}

// trouble says why the queue takes nothing at the moment, nil if it does.
func (c *queueClient) trouble() error {
	if f := c.closed.Load(); f != nil {
		return f
	}
	return c.waits()
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

// Batch implements storage.Client. Its errors are errStorage.
func (c *queueClient) Batch(ctx context.Context, ops ...*operation) error {
	if f := c.closed.Load(); f != nil {
		return f
	}
	err := c.batch(ctx, ops)
	if err != nil && !errors.Is(err, errStorage) {
		err = &fileFailure{err}
	}
	return err
}

func (c *queueClient) batch(ctx context.Context, ops []*operation) error {
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
	err := c.pass(ctx, ops)
	if err != nil && moved >= 0 {
		err = c.again(ctx, func() error { return c.change(ctx, ops) })
	}
	reading := all(ops, storage.Get)
	if err == nil && reading && len(ops) == 1 && ops[0].Key == placeKey {
		if err := c.found.judge(ops[0].Value); err != nil {
			return c.fail(err)
		}
	}
	switch {
	case err != nil && moved >= 0:
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

// pass makes the operations, those that read an item without the others if it must. What cannot be read closes the queue, which would delete it otherwise.
func (c *queueClient) pass(ctx context.Context, ops []*operation) error {
	err := c.change(ctx, ops)
	if err != nil && slices.ContainsFunc(ops, isGet) {
		reads := slices.DeleteFunc(slices.Clone(ops), func(op *operation) bool { return !isGet(op) })
		if err = c.again(ctx, func() error { return c.commit(ctx, reads) }); err != nil {
			return c.fail(err)
		}
	}
	if err == nil && slices.ContainsFunc(ops, func(op *operation) bool { return isGet(op) && intake.Newer(op.Value) }) {
		return c.fail(errNewerVersion)
	}
	return err
}

// change makes the operations and with them, if it can, what is behind.
func (c *queueClient) change(ctx context.Context, ops []*operation) error {
	if more := c.behind.next(); len(more) > 0 && !all(ops, storage.Get) && c.commit(ctx, append(slices.Clone(ops), more...)) == nil {
		c.behind.made(more)
		c.behind.made(ops)
		c.health.note(nil)
		return nil
	}
	err := c.commit(ctx, ops)
	if err == nil {
		c.behind.made(ops)
	} else {
		c.behind.failed(ops)
	}
	c.health.note(err)
	return err
}

// commit is one transaction of the storage.
func (c *queueClient) commit(ctx context.Context, ops []*operation) error {
	return recovered(func() error { return c.Client.Batch(ctx, ops...) })
}

// settle ends the start. What is at its old place still was read and is of no use, or was written in another form; either way nobody asks for it again.
func (c *queueClient) settle(ctx context.Context) {
	c.starting.Lock()
	defer c.starting.Unlock()
	if c.closed.Load() == nil && len(c.left) > 0 {
		ops := make([]*operation, len(c.left))
		for i, op := range c.left {
			ops[i] = storage.DeleteOperation(op.Key)
		}
		_ = c.change(ctx, ops) // it is in nobody's way
	}
	c.read, c.left = nil, nil
	c.begun.Store(true)
}

// Close implements storage.Client.
func (c *queueClient) Close(ctx context.Context) error {
	if c.Client == nil {
		return nil
	}
	for more := c.behind.next(); len(more) > 0 && c.closed.Load() == nil; more = c.behind.next() {
		if c.commit(ctx, more) != nil {
			break
		}
		c.behind.made(more)
	}
	return recovered(func() error { return c.Client.Close(ctx) })
}

func isGet(op *operation) bool { return op.Type == storage.Get }

// all says that there are operations, all of one kind.
func all(ops []*operation, kind storage.OpType) bool {
	return len(ops) > 0 && !slices.ContainsFunc(ops, func(op *operation) bool { return op.Type != kind })
}

package datadogoauthexporter

import (
	"bytes"
	"context"
	"slices"
	"strconv"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// queueBehind is what is to be done to the file of a queue besides what the queue asks for: to delete the items whose deletion failed, and to keep requests
// that cannot be read under a key of their own. It is done with a later write; a crash before that leaves it undone.
type queueBehind struct {
	mu     sync.Mutex
	doomed []string     // keys to be deleted; guarded by mu, as everything below
	kept   []*operation // writes of what cannot be read
	free   []string     // keys for such, once looked is set
	looked bool
}

const (
	// maxBehind bounds the deletions that go with one write.
	maxBehind = 256
	// unreadablePrefix, with a number, is the key of a request that cannot be read.
	unreadablePrefix = "unreadable/"
	maxUnreadable    = 16
	maxUnreadableLen = 4 << 20 // a batch has 3 MB
)

// next is what one write can take along.
func (b *queueBehind) next() []*operation {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.doomed)+len(b.kept) == 0 {
		return nil
	}
	ops := slices.Clone(b.kept)
	for _, key := range b.doomed[:min(len(b.doomed), maxBehind)] {
		ops = append(ops, storage.DeleteOperation(key))
	}
	return ops
}

// made is told of operations that succeeded.
func (b *queueBehind) made(ops []*operation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.doomed)+len(b.kept) == 0 {
		return
	}
	done := make(map[string]bool, len(ops))
	for _, op := range ops {
		done[op.Key] = op.Type != storage.Get
	}
	b.doomed = slices.DeleteFunc(b.doomed, func(key string) bool { return done[key] })
	b.kept = slices.DeleteFunc(b.kept, func(op *operation) bool { return done[op.Key] })
}

// failed is told of operations that did not.
func (b *queueBehind) failed(ops []*operation) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, op := range ops {
		if op.Type == storage.Delete && !slices.Contains(b.doomed, op.Key) {
			b.doomed = append(b.doomed, op.Key)
		}
	}
}

// keep takes a copy of a request that cannot be read. It returns the key that it will have, or "" if there are too many of them, or it is too large.
func (b *queueBehind) keep(ctx context.Context, client storage.Client, stored []byte) (key string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.looked {
		b.looked = true
		ops := make([]*operation, maxUnreadable)
		for i := range ops {
			ops[i] = storage.GetOperation(unreadablePrefix + strconv.Itoa(i))
		}
		if recovered(func() error { return client.Batch(ctx, ops...) }) != nil {
			b.looked = false // nothing is known of what is there
			return ""
		}
		for _, op := range ops {
			if op.Value == nil {
				b.free = append(b.free, op.Key)
			}
		}
	}
	if len(b.free) == 0 || len(stored) > maxUnreadableLen {
		return ""
	}
	key, b.free = b.free[0], b.free[1:]
	b.kept = append(b.kept, storage.SetOperation(key, bytes.Clone(stored)))
	return key
}

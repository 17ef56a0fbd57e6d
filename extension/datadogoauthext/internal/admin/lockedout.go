package admin

import (
	"sync"

	"go.uber.org/zap"
)

// lockedOut logs a token that lets nobody in once, not at every request, and once more when it does again.
type lockedOut struct {
	mu    sync.Mutex
	names map[string]bool // guarded by mu
}

func (l *lockedOut) report(logger *zap.Logger, name string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names[name] {
		return
	}
	if l.names == nil {
		l.names = make(map[string]bool)
	}
	l.names[name] = true
	logger.Error("an admin token cannot be used, its bearer is locked out", zap.String("token", name), zap.Error(err))
}

func (l *lockedOut) clear(logger *zap.Logger, name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.names[name] {
		delete(l.names, name)
		logger.Info("an admin token can be used again", zap.String("token", name))
	}
}

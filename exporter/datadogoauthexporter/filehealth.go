package datadogoauthexporter

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// errStorage is every failure of the queue's storage.
var errStorage = errors.New("sending_queue::storage fails")

// fileFailure is an errStorage with the text of what happened.
type fileFailure struct{ error }

func (f *fileFailure) Unwrap() error        { return f.error }
func (f *fileFailure) Is(target error) bool { return target == errStorage }

// The files of a signal in the queue's storage, by what they are for.
const (
	fileQueue    = "queue"
	fileParking  = "parking"
	fileAttempts = "event_attempts"
	fileDelta    = "delta_state"
)

// fileHealth says whether a file of the queue's storage can be used, to the status and in a gauge.
type fileHealth struct {
	file   string // what it is for
	name   string // as file_storage names it
	status *status
	logger *zap.Logger
	fails  atomic.Bool

	mu   sync.Mutex
	last time.Time // when it failed last; guarded by mu
}

// healsAfter is how long a file must not have failed. On a disk that is nearly full some writes have room and others do not.
const healsAfter = 5 * time.Second

// note is told of the outcome of operations.
func (h *fileHealth) note(err error) {
	if err == nil && !h.fails.Load() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch now := time.Now(); {
	case err != nil:
		h.last = now
		h.fails.Store(true)
		h.status.storage(h.file, fmt.Errorf("sending_queue::storage: the file %s fails: %w", h.name, err))
	case now.Sub(h.last) >= healsAfter:
		h.fails.Store(false)
		h.status.storage(h.file, nil)
	}
}

// unusable says that the file is not used until the next start, to the status, in the log and in the returned error. without tells what that means. Nothing
// is noted after it.
func (h *fileHealth) unusable(without string, err error) error {
	err = fmt.Errorf("sending_queue::storage: %s until the next start: %w; look at its file (of file_storage: %s), or move it away", without, err, h.name)
	h.logger.Error("A stored file cannot be used", zap.Error(err))
	h.fails.Store(true)
	h.status.storage(h.file, err)
	return err
}

// fileHealths are those of one exporter and signal.
type fileHealths struct {
	status *status
	logger *zap.Logger
	mu     sync.Mutex
	all    []*fileHealth // guarded by mu
}

// of is the one of a file that is about to be opened.
func (f *fileHealths) of(file, name string) *fileHealth {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := &fileHealth{file: file, name: name, status: f.status, logger: f.logger}
	f.all = append(f.all, h)
	return h
}

// each tells of every file whether it fails.
func (f *fileHealths) each(tell func(file string, fails bool)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, h := range f.all {
		tell(h.file, h.fails.Load())
	}
}

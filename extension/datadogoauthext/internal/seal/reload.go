package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/keyset"
)

// ErrExchanged means that a keyset file holds none of the keys that are in use: it belongs to another store.
var ErrExchanged = errors.New("it holds none of the keys that are in use")

// live is what changes while a Keyset is in use.
type live struct {
	cur atomic.Pointer[material]

	mu    sync.Mutex  // guards the rest
	seen  fs.FileInfo // of the file that was read last, whether it could be taken or not; nil when there was none
	fault string      // why it was not taken; empty when it was
}

// Reload takes in a keyset file that was replaced, also by the symlink swap of a Kubernetes volume. changed says that the
// keys are others than before; Seal and Open may run at the same time and use the old ones or the new ones.
//
// A change is told once, to whoever asks first: call Reload from one place.
//
// A file that lacks the key which sealed so far was changed twice since it was read, or its promoted state never came here: records
// of this process may be under that key, of which nobody knew when it was retired. So it goes on opening in this process, which seals
// them again under the primary key of the file; it is forgotten at the next start.
//
// A file that is gone, broken, or shares no key with those in use changes nothing, and is an error once, not at every call.
func (k *Keyset) Reload() (changed bool, err error) {
	l := k.live
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(k.path)
	if err != nil {
		info = nil // read says what is the matter
	}
	same := sameFile(l.seen, info)
	if same && info != nil && l.fault == "" {
		return false, nil
	}
	next, opened, err := read(k.path)
	if opened != nil {
		info = opened
	}
	old := l.cur.Load()
	if err == nil && !slices.ContainsFunc(enabled(next.handle), func(e *keyset.Entry) bool { return holds(old.handle, e) }) {
		err = fmt.Errorf("keyset %s: %w; put back the file that belongs to this store, and rotate with: datadogoauthctl keyset add", k.path, ErrExchanged)
	}
	if err != nil {
		// A file that was refused is read again each time: what was wrong with it may be its owner or its mode.
		repeated := same && err.Error() == l.fault
		l.seen, l.fault = info, err.Error()
		if repeated {
			return false, nil
		}
		return false, fmt.Errorf("%w; the keys that are loaded stay in use until a restart", err)
	}
	l.seen, l.fault = info, ""
	if slices.Equal(old.keys, next.keys) && !slices.ContainsFunc(enabled(next.handle), func(e *keyset.Entry) bool { return !holds(old.handle, e) }) {
		return false, nil
	}
	next.former = old.former
	if !slices.ContainsFunc(enabled(next.handle), func(e *keyset.Entry) bool { return e.KeyID() == old.primary && holds(old.handle, e) }) {
		next.former = old
	}
	l.cur.Store(next)
	return true, nil
}

func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

func enabled(handle *keyset.Handle) (entries []*keyset.Entry) {
	for i := range handle.Len() {
		if entry, err := handle.Entry(i); err == nil && entry.KeyStatus() == keyset.Enabled {
			entries = append(entries, entry)
		}
	}
	return entries
}

// holds compares the keys themselves: an id alone is four bytes that two keysets can share by accident.
func holds(handle *keyset.Handle, want *keyset.Entry) bool {
	return slices.ContainsFunc(enabled(handle), func(e *keyset.Entry) bool {
		return e.KeyID() == want.KeyID() && e.Key().Equal(want.Key())
	})
}

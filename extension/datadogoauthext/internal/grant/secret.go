package grant

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// maxSecretBytes bounds what is read: a client secret is some dozens of characters.
const maxSecretBytes = 4096

// SecretFile is a secret in a file that may be replaced while the program runs, also by the symlink swap of a Kubernetes
// projected volume. It is read again when the file behind the name, its time or its size changes.
type SecretFile struct {
	path string

	mu     sync.Mutex // guards the rest
	seen   fs.FileInfo
	secret string
	stamp  uint64
}

// OpenSecretFile reads the file once, so that a missing one shows at start.
func OpenSecretFile(path string) (*SecretFile, error) {
	f := &SecretFile{path: path}
	_, _, err := f.Read()
	return f, err
}

// Read returns the secret without surrounding white space, and a stamp that grows whenever the secret is another one.
func (f *SecretFile) Read() (secret string, stamp uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(f.path)
	if err != nil {
		return "", 0, f.fault(err)
	}
	if info.IsDir() {
		return "", 0, fmt.Errorf("%s is a directory; name the file that holds the OAuth client secret", f.path)
	}
	if f.seen != nil && os.SameFile(f.seen, info) && f.seen.ModTime().Equal(info.ModTime()) && f.seen.Size() == info.Size() {
		return f.secret, f.stamp, nil
	}
	if info.Size() > maxSecretBytes {
		return "", 0, fmt.Errorf("%s holds %d bytes; a file with nothing but the OAuth client secret is expected", f.path, info.Size())
	}
	raw, err := os.ReadFile(f.path)
	if err != nil {
		return "", 0, f.fault(err)
	}
	text := string(bytes.TrimSpace(raw))
	if text == "" {
		return "", 0, fmt.Errorf("%s is empty; write the OAuth client secret into it", f.path)
	}
	f.seen = info
	if text != f.secret {
		f.secret = text
		f.stamp++
	}
	return f.secret, f.stamp, nil
}

func (f *SecretFile) fault(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist; write the OAuth client secret into it", f.path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s cannot be read by this user; grant the collector's user read access", f.path)
	default:
		return fmt.Errorf("%s cannot be read: %w", f.path, err)
	}
}

// clientGate stops the token calls of a client whose credentials Datadog rejects: one probe per probeEvery, and one at
// once when the secret file holds another secret.
type clientGate struct {
	mu        sync.Mutex // guards the rest
	rejected  bool
	since     time.Time
	stamp     uint64 // of the rejected secret
	nextProbe time.Time
}

const probeEvery = 30 * time.Second

// admit reports whether a token call may go out now.
func (g *clientGate) admit(now time.Time, stamp uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.rejected {
		return true
	}
	if stamp == g.stamp && now.Before(g.nextProbe) {
		return false
	}
	g.stamp = stamp
	g.nextProbe = now.Add(probeEvery)
	return true
}

// reject notes that Datadog refused the credentials of this stamp; first says that they were good until here.
func (g *clientGate) reject(now time.Time, stamp uint64) (first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	first = !g.rejected
	if first {
		g.since = now
	}
	g.rejected, g.stamp, g.nextProbe = true, stamp, now.Add(probeEvery)
	return first
}

// accept notes that Datadog took the credentials; changed says that they were rejected before.
func (g *clientGate) accept() (changed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	changed = g.rejected
	g.rejected, g.since = false, time.Time{}
	return changed
}

// resume takes over a rejection that an earlier process saw; the first call is a probe.
func (g *clientGate) resume(since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rejected, g.since = true, since
}

// state reports since when the client is rejected; zero means that it is not.
func (g *clientGate) state() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.since
}

// refused reports whether the secret of this stamp is the one that Datadog rejects.
func (g *clientGate) refused(stamp uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rejected && stamp == g.stamp
}

// dead reports whether a call would be refused by admit, without using up a probe.
func (g *clientGate) dead(now time.Time, stamp uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rejected && stamp == g.stamp && now.Before(g.nextProbe)
}

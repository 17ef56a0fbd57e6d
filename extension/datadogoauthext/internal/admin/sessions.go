package admin

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxSessions bounds the sessions of all tokens together.
const maxSessions = 1000

// sessions are those of this process.
type sessions struct {
	lifetime time.Duration
	share    int // of maxSessions, for each token: nobody who may only read can push out those who operate

	mu     sync.Mutex // guards byHash
	byHash map[[sha256.Size]byte]*session
}

func newSessions(lifetime time.Duration, tokens int) *sessions {
	if lifetime == 0 {
		lifetime = DefaultSessionLifetime
	}
	return &sessions{lifetime: lifetime, share: max(1, maxSessions/max(1, tokens)), byHash: map[[sha256.Size]byte]*session{}}
}

// add takes a session in. Beyond the token's share the one that was not used for the longest time ends.
func (t *sessions) add(s *session, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	var idlest *session
	for hash, other := range t.byHash {
		switch {
		case t.over(other, now):
			delete(t.byHash, hash)
		case other.token.Name == s.token.Name:
			n++
			if idlest == nil || other.lastUse().Before(idlest.lastUse()) {
				idlest = other
			}
		}
	}
	if n >= t.share {
		delete(t.byHash, idlest.hash)
	}
	t.byHash[s.hash] = s
}

// find returns nil for a session that is not there or over.
func (t *sessions) find(hash [sha256.Size]byte, now time.Time) *session {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.byHash[hash]
	if s != nil && t.over(s, now) {
		delete(t.byHash, hash)
		return nil
	}
	return s
}

func (t *sessions) end(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byHash, s.hash)
}

func (t *sessions) over(s *session, now time.Time) bool {
	return now.Sub(s.began) >= t.lifetime || now.Sub(s.lastUse()) >= sessionIdle
}

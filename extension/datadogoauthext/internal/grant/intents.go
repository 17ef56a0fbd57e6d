package grant

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// takeoverAfter is how long an intent without an end is left alone where several processes share a store. Whoever stored it may have
// been stopped with the answer in memory, and goes on later: sending the same refresh token meanwhile would be taken for a theft
// and end the grant, and asking for another key would find that there is one already.
const takeoverAfter = 10 * time.Minute

// errMayHold: another process may still hold the answer to what it began.
var errMayHold = errors.New("another process began it, and may still hold Datadog's answer")

func mayHold(until time.Time) error {
	return fmt.Errorf("%w; it is tried again after %s", errMayHold, since(until))
}

// intents are the fences of what this process began last, by name of lease. What it began and is not at any more, nobody holds an
// answer to.
type intents struct {
	mu sync.Mutex // guards m
	m  map[string]uint64
}

func (i *intents) note(name string, fence uint64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.m == nil {
		i.m = map[string]uint64{}
	}
	i.m[name] = fence
}

func (i *intents) own(name string, fence uint64) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return fence != 0 && i.m[name] == fence
}

// heldBack reports until when an intent of another process is left alone. The file lock of an exclusive store proves that whoever stored
// one there is gone.
func (s *Service) heldBack(name string, begun time.Time, fence uint64) (until time.Time, ok bool) {
	if s.shared == nil || begun.IsZero() || s.intents.own(name, fence) {
		return until, false
	}
	until = begun.Add(takeoverAfter)
	return until, s.now().Before(until)
}

// elsewhere is heldBack for a refresh.
func (s *Service) elsewhere(tok Token) (until time.Time, ok bool) {
	return s.heldBack("refresh/"+tok.Tenant, tok.Refresh.Begun, tok.Refresh.Fence)
}

// mintedElsewhere is heldBack for a mint.
func (s *Service) mintedElsewhere(o Org) (until time.Time, ok bool) {
	if o.Key != KeyMinting || o.Mint.Stored || o.Mint.Attempts == 0 {
		return until, false
	}
	return s.heldBack(mintName(o.Org), o.Mint.Begun, o.Mint.Fence)
}

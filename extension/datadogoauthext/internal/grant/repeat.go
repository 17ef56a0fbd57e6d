package grant

import (
	"context"
	"slices"
	"time"
)

const (
	maxRepeats  = 5 // with the pauses below: within half a minute
	longestWait = 10 * time.Second
)

// repeated calls Datadog until it answers anything but one of the kinds that pass, for some seconds.
func (s *Service) repeated(ctx context.Context, call func() error, kinds ...callKind) error {
	wait := firstRetry
	for range maxRepeats {
		err := call()
		if err == nil || !slices.Contains(kinds, kindOf(err)) || s.pause(ctx, wait) != nil {
			return err
		}
		wait = min(2*wait, longestWait)
	}
	return call()
}

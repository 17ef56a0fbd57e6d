package grant

import (
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
)

// Facts are all that the state of a tenant depends on.
type Facts struct {
	Token TokenFact
	Key   KeyFact
	Hold  Hold
}

// State is what a person sees of a tenant.
type State string

// The states, the gravest first: State returns the first one that applies.
const (
	StateUnreadable   State = "unreadable"
	StateDisconnected State = "disconnected"
	StatePaused       State = "paused"
	StateKeyRefused   State = "key refused"
	StateKeyMissing   State = "key missing"
	StateMinting      State = "minting"
	StateReauthorise  State = "reauthorise" // still sending
	StateFailing      State = "failing"     // still sending
	StateOK           State = "ok"
)

// States lists every state, for counting.
var States = []State{
	StateUnreadable, StateDisconnected, StatePaused, StateKeyRefused, StateKeyMissing, StateMinting,
	StateReauthorise, StateFailing, StateOK,
}

// State derives what a person sees. It looks at nothing but the facts.
func (f Facts) State() State {
	switch {
	case f.Hold == HoldUnreadable:
		return StateUnreadable
	case f.Hold == HoldDisconnected:
		return StateDisconnected
	case f.Hold == HoldPaused:
		return StatePaused
	case f.Key == KeyRefused:
		return StateKeyRefused
	case f.Key == KeyMinting:
		return StateMinting
	case f.Key == KeyNone, f.Key == KeyExistsUnknown, f.Key == "":
		return StateKeyMissing
	case f.Token == TokenReauthorise:
		return StateReauthorise
	case f.Token == TokenFailing:
		return StateFailing
	default:
		return StateOK
	}
}

// sendError is nil when data may be sent, else an error that errors.Is knows as one of package credential's. Sending depends on
// key and hold only, unless stopWithToken says that a dead token stops it too.
func (f Facts) sendError(tenant, reason string, stopWithToken bool) error {
	switch f.State() {
	case StateUnreadable:
		return fmt.Errorf("tenant %s: %w: %s", tenant, errUnreadable{}, reason)
	case StateDisconnected:
		return fmt.Errorf("tenant %s: %w", tenant, credential.ErrDisconnected)
	case StatePaused:
		return fmt.Errorf("tenant %s: %w", tenant, credential.ErrPaused)
	case StateKeyRefused:
		return fmt.Errorf("tenant %s: %w: %s", tenant, credential.ErrKeyRefused, reason)
	case StateKeyMissing, StateMinting:
		return fmt.Errorf("tenant %s: %w: %s", tenant, credential.ErrKeyMissing, reason)
	case StateReauthorise:
		if stopWithToken {
			return fmt.Errorf("tenant %s: %w: %s", tenant, credential.ErrPaused, reason)
		}
	}
	return nil
}

// errUnreadable is a hold, so a sender treats it as it treats a pause: what arrives waits.
type errUnreadable struct{}

func (errUnreadable) Error() string {
	return "its record in the store cannot be opened, so its data waits"
}
func (errUnreadable) Is(target error) bool { return target == credential.ErrPaused }

package credential

import "time"

// Wait says how long data of one signal may wait for a tenant that cannot be sent for, and how much of each tenant's. What is older is dropped, and
// beyond the bytes what is oldest.
type Wait struct {
	Signal   string        // "metrics", "logs" or "traces"
	MaxAge   time.Duration // zero for any age
	MaxBytes int64         // encoded
}

// Waits is what a SendBoard can offer besides: what becomes of data that waits.
type Waits interface {
	// Waits returns one for each signal that is sent.
	Waits() []Wait
	// Parked counts the items that wait, for each tenant that has any.
	Parked() map[string]int64
}

package credential

import "time"

// SendFigures is what a sender knows of one tenant at one intake since its own start.
type SendFigures struct {
	Tenant string
	Signal string // "metrics", "logs" or "traces"
	Intake string // as the sender calls it, such as "series"
	// LastSent is when the intake last took a body, and LastError what came of the latest that it did not take: one line, bounded, with nothing
	// in it that a peer wrote. Both stay when the other is newer, so their times say which it was. Zero and "" for never.
	LastSent    time.Time
	LastError   string
	LastErrorAt time.Time
	// Parked counts the items that wait on disk or in memory until the tenant can be sent for. The oldest of them is of ParkedSince, by its own time; zero
	// if none has one.
	Parked      int64
	ParkedSince time.Time
}

// SendHistory counts bodies of one tenant by steps of time, oldest first. Both slices are of the same length.
type SendHistory struct {
	Step    time.Duration
	End     time.Time // of the last step, which is under way
	Sent    []uint32  // bodies that an intake took
	Refused []uint32  // bodies that an intake, or the way to it, did not take, each try once
}

// SendBoard is asked from any goroutine, whenever somebody looks at what is known of tenants.
type SendBoard interface {
	// SendFigures returns those of the tenants named, or of all for nil, in no order.
	SendFigures(tenants []string) []SendFigures
	// SendHistory returns an empty one for a tenant that nothing was sent for.
	SendHistory(tenant string) SendHistory
}

// Sends is what a Source can offer besides: somebody to show figures to.
type Sends interface {
	// ShowSends makes the holder of grants ask the board until remove is called.
	ShowSends(SendBoard) (remove func())
}

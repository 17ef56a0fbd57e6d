package intake

// Reason says why an item is not sent. The set is closed: it is the value set of the metric attribute "reason".
type Reason uint8

// The reasons for which mapping drops an item.
const (
	ReasonNoRecordedValue Reason = iota // flag "no recorded value": there is nothing to send
	ReasonNotFinite                     // NaN or Inf
	ReasonTemporality                   // unspecified temporality, or cumulative exponential histogram
	ReasonMalformed                     // bucket counts that do not fit the bounds, a zero trace id, …
	ReasonStale                         // not newer than the cumulative point before it
	ReasonBaseline                      // first point of a cumulative series: the base of later differences
	ReasonEmpty                         // nothing in the point to send, for instance a histogram without observations
	ReasonTooLarge                      // larger than the intake takes, alone
	ReasonSampled                       // its sender marked the trace as one that is not to be kept
)

// The reasons for which an item is refused before it is mapped, or lost after.
const (
	ReasonNoTenant       Reason = iota + ReasonSampled + 1 // nothing says whose item it is
	ReasonTenantConflict                                   // two sources name two tenants
	ReasonTenantInvalid                                    // the name is empty, too long or does not print
	ReasonNotAllowed                                       // the tenant is not on the list of this collector
	ReasonUnknownTenant                                    // no customer connected under this name
	ReasonNotConnected                                     // the tenant has no organisation
	ReasonDisconnected                                     // the tenant ended the connection
	ReasonOrgChanged                                       // the tenant connected another organisation after the item was accepted
	ReasonRejected                                         // the intake will never take it: 400, 401, 404, …
	ReasonParkFull                                         // the oldest parked items make room for newer ones
	ReasonUnreadable                                       // a stored request that is damaged or foreign; counts requests
	ReasonShutdown                                         // the collector stopped and nothing keeps parked data
	ReasonQueueFull                                        // the queue refused stats again and again
	ReasonOutcomeUnknown                                   // it may have arrived, and sending it again could make two of it
	ReasonFuture                                           // further ahead than the intake takes
	ReasonNoHost                                           // a service check of no host, or a report of one
	ReasonHostLimit                                        // a report of a host, of which the tenant has as many as it may
	ReasonIgnored                                          // of a trace whose root has a resource that the configuration leaves out
	ReasonForeignStats                                     // APM stats that another component computed, in the guise of a metric
	ReasonIntakeRefused                                    // the oldest that waits for an intake which refuses a good key
	ReasonProbe                                            // marked data of a check that no intake took, or that is not to be sent twice
	numReasons
)

var reasonNames = [...]string{
	"no_recorded_value", "not_finite", "temporality", "malformed", "stale", "baseline", "empty", "too_large", "sampled",
	"no_tenant", "tenant_conflict", "tenant_invalid", "not_allowed", "unknown_tenant", "not_connected", "disconnected",
	"org_changed", "rejected", "park_full", "unreadable", "shutdown", "queue_full", "outcome_unknown", "future", "no_host", "host_limit",
	"ignored", "foreign_stats", "intake_refused", "probe",
}

func (r Reason) String() string { return reasonNames[r] }

// Reasons returns every reason, in order of its number.
func Reasons() []Reason {
	all := make([]Reason, numReasons)
	for i := range all {
		all[i] = Reason(i)
	}
	return all
}

// Drops counts OTLP items that are not sent, by reason.
type Drops [numReasons]int

// Add counts n items.
func (d *Drops) Add(r Reason, n int) { d[r] += n }

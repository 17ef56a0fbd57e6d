package credential

import (
	"context"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// ProbeKind is a kind of data that a Probe sends one item of.
type ProbeKind string

// The kinds.
const (
	ProbeMetric       ProbeKind = "metric"
	ProbeDistribution ProbeKind = "distribution"
	ProbeLog          ProbeKind = "log"
	ProbeSpan         ProbeKind = "span"
	ProbeStats        ProbeKind = "APM stats" // of one span, which need not be sent
	ProbeEvent        ProbeKind = "event"
	ProbeServiceCheck ProbeKind = "service check"
)

// ProbeTag is the tag (on a log and a span, the attribute) by which the marked data of a Probe is found: its value is the Probe's ID. APM stats have
// no place for it: they are those of a service whose version is the ID.
const ProbeTag = "datadogoauth_probe"

// Probe asks a sender to send one marked item of each kind to a tenant's organisation, the way that real data takes from the mapping on, but past
// the queue, so that what an intake answers is known at once.
type Probe struct {
	Tenant string
	ID     string // 16 hexadecimal digits in lower case
	Kinds  []ProbeKind
}

// ProbeWrite is what became of one item.
type ProbeWrite struct {
	Kind   ProbeKind
	Intake string // as the sender calls it, such as "series"
	Host   string // that it was sent to, as in ProbeHosts; empty where it was not sent
	// Name is the metric's, the event's title, the check's, or the operation of the span and of APM stats; the log's message.
	Name    string
	TraceID string  // of a span: 32 hexadecimal digits in lower case
	Value   float64 // of a metric; of a distribution the one observation
	At      time.Time
	// Err is nil if the intake took it. Its text is one bounded line for people, with nothing in it that a peer wrote.
	Err error
	// Unjudged says that Err is no verdict: the intake did not answer, or put it off, or the sender was stopping or not ready. Where Host is not
	// empty the item may have arrived.
	Unjudged bool
}

// Prober sends marked data. It is safe for concurrent use.
type Prober interface {
	// ProbeKinds are those that this sender is configured to send. Another sender may have the same: a service check comes from logs and from metrics.
	ProbeKinds() []ProbeKind
	// ProbeHosts are the host names, with a port where it is not 443, that data of a site goes to, those that the configuration overrides included.
	ProbeHosts(site.Site) []string
	// Probe sends what is asked and returns when each item was answered, or ctx is over. A kind that it does not send is left out, and everything of a tenant
	// that it does not send for.
	Probe(ctx context.Context, p Probe) []ProbeWrite
}

// Probes is what a Source can offer besides: somebody who asks for marked data.
type Probes interface {
	// AddProber offers the prober until remove is called.
	AddProber(Prober) (remove func())
}

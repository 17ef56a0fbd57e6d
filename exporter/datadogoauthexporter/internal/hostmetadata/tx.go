package hostmetadata

import (
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/attributes"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// useAsMetadata is the attribute by which a resource offers itself.
const useAsMetadata = "datadog.host.use_as_metadata"

// Tx reads resources of one tenant and organisation. What it is to report counts as reported after Commit; a Tx that is let go reported nothing.
// Use it from one goroutine. A nil one reads nothing.
type Tx struct {
	hosts  *Hosts
	of     owner
	now    time.Time
	staged []*staged
	byHost map[string]*staged
	room   room // that the staged hosts need besides what is known
	drops  intake.Drops
	lost   int // sum of drops
}

// staged is a host to be reported.
type staged struct {
	host   string
	record *record
	prints prints
}

// Begin opens a transaction, nil for no Hosts.
func (h *Hosts) Begin(tenant, org string) *Tx {
	if h == nil {
		return nil
	}
	return &Tx{hosts: h, of: owner{tenant, org}, now: h.opts.Now()}
}

// Add reads a resource. Nothing of it is kept.
func (t *Tx) Add(resource pcommon.Map) {
	if t != nil {
		t.add(resource, pmetric.ScopeMetricsSlice{}, false)
	}
}

// AddMetrics is Add, and reads of the metrics what they tell of the processor.
func (t *Tx) AddMetrics(r pmetric.ResourceMetrics) {
	if t != nil {
		t.add(r.Resource().Attributes(), r.ScopeMetrics(), true)
	}
}

func (t *Tx) add(resource pcommon.Map, metrics pmetric.ScopeMetricsSlice, hasMetrics bool) {
	host, ok := t.hostOf(resource)
	if !ok {
		return
	}
	print := t.hosts.fingerprint(resource, metrics, hasMetrics)
	var before *record
	s := t.byHost[host]
	switch {
	case s == nil:
		var due bool
		if before, due = t.look(host, print); !due {
			return
		}
	case s.prints.has(print):
		return
	default:
		before = s.record
	}
	after := &record{}
	if before != nil {
		*after = *before // lists are replaced as a whole, so they may be shared
	}
	after.read(resource)
	if hasMetrics {
		after.readMetrics(metrics)
	}
	if s != nil {
		t.merge(s, print, after)
		return
	}
	t.stage(host, print, after)
}

// hostOf is the host of a resource that offers itself. One that does and is no host is counted.
func (t *Tx) hostOf(resource pcommon.Map) (host string, ok bool) {
	v, offered := resource.Get(useAsMetadata)
	switch {
	case !offered:
		return "", false
	case v.Type() != pcommon.ValueTypeBool:
		t.drop(intake.ReasonMalformed)
		return "", false
	case !v.Bool():
		return "", false
	}
	host = attributes.Host(resource)
	switch {
	case host == "":
		t.drop(intake.ReasonNoHost)
		return "", false
	case len(host) > maxHostBytes:
		t.drop(intake.ReasonMalformed)
		return "", false
	}
	return host, true
}

// look returns what was reported of a host, and whether there may be something to report, for which a host that is not known needs room. It notes that
// the host was seen.
func (t *Tx) look(host string, print uint64) (before *record, due bool) {
	h := t.hosts
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sweep(t.now)
	e := h.find(t.of, host)
	if e == nil {
		return nil, t.fits(room{1, 0}) // before anything is read for it
	}
	e.seen = t.now
	age := t.now.Sub(e.sent)
	return e.record, age >= h.opts.Period || age >= settle && !e.prints.has(print)
}

// find returns nil for a host that is not known. The caller holds mu.
func (h *Hosts) find(of owner, host string) *entry {
	if k := h.known[of]; k != nil {
		return k.hosts[host]
	}
	return nil
}

// stage keeps a host to be reported, if it is due or changed, and if there is room for it.
func (t *Tx) stage(host string, print uint64, after *record) {
	h := t.hosts
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.find(t.of, host)
	if e != nil && t.now.Sub(e.sent) < h.opts.Period && !after.differs(e.record) {
		if !e.prints.has(print) {
			e.prints.add(print) // another resource that says the same
		}
		return
	}
	more := room{1, after.bytes(host)}
	if e != nil {
		more = more.plus(room{-1, -e.record.bytes(host)})
	}
	if !t.fits(more) {
		return
	}
	t.room = t.room.plus(more)
	s := &staged{host: strings.Clone(host), record: after}
	s.prints.add(print)
	t.staged = append(t.staged, s)
	if t.byHost == nil {
		t.byHost = make(map[string]*staged, 1)
	}
	t.byHost[s.host] = s
}

// merge puts what another resource says of a staged host in place, if there is room for it.
func (t *Tx) merge(s *staged, print uint64, after *record) {
	t.hosts.mu.Lock()
	defer t.hosts.mu.Unlock()
	more := room{0, after.bytes(s.host) - s.record.bytes(s.host)}
	if !t.fits(more) {
		return
	}
	t.room = t.room.plus(more)
	s.record = after
	s.prints.add(print)
}

// fits tells whether there is room for more. Where there is not, a report is counted as dropped. The caller holds mu.
func (t *Tx) fits(more room) bool {
	h := t.hosts
	need, own := t.room.plus(more), room{}
	if k := h.known[t.of]; k != nil {
		own = k.room
	}
	grows := more.hosts > 0 || more.bytes > 0
	if grows && (own.plus(need).exceeds(h.opts.MaxHostsPerTenant) || h.all.plus(need).exceeds(h.opts.MaxHosts)) {
		t.drop(intake.ReasonHostLimit)
		return false
	}
	return true
}

func (t *Tx) drop(why intake.Reason) {
	t.lost++
	t.drops.Add(why, 1)
}

// Payload is one item for each host to be reported.
func (t *Tx) Payload() *intake.Payload {
	p := &intake.Payload{}
	for _, s := range t.staged {
		p.Body = t.hosts.appendReport(p.Body, s.host, s.record)
		p.EndItem(1, t.now.Unix())
	}
	return p
}

// Commit says that the payload was taken. It returns how many reports there were, the dropped ones included, and why some were dropped.
func (t *Tx) Commit() (reports int, drops *intake.Drops) {
	h := t.hosts
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range t.staged {
		h.put(t.of, s.host, &entry{record: s.record, prints: s.prints, sent: t.now, seen: t.now})
	}
	return len(t.staged) + t.lost, &t.drops
}

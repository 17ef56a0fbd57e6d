package hostmetadata

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"
)

// MinPeriod is the shortest period.
const MinPeriod = 5 * time.Minute

// settle is how long a host that changes is left alone after a report.
const settle = time.Minute

// bytesPerHost is what MaxHosts and MaxHostsPerTenant allow for each host. A usual one takes half of it.
const bytesPerHost = 2048

// Options are what an operator decides. All but Tags and Now must be set.
type Options struct {
	// Period is how often a host is reported that is seen.
	Period time.Duration
	// Tags are added to every host.
	Tags []string
	// MaxHostsPerTenant and MaxHosts bound the hosts that are remembered, and their memory: 2 kB for each of them.
	MaxHostsPerTenant, MaxHosts int
	// Flavor and Version are the name and the version of the collector.
	Flavor, Version string
	// Now is the clock, nil for time.Now.
	Now func() time.Time
}

// Hosts remembers what was reported. It is safe for concurrent use. A nil one reports nothing.
type Hosts struct {
	opts    Options
	seed    maphash.Seed
	scratch sync.Pool // of *[]byte

	mu    sync.Mutex // guards all below
	known map[owner]*known
	all   room
	swept time.Time
}

// owner is whose hosts they are. A host that two tenants name is two hosts.
type owner struct{ tenant, org string }

// known are the hosts of one owner.
type known struct {
	hosts map[string]*entry
	room  room
}

type entry struct {
	record *record
	// prints are those of resources that say no more than record.
	prints     prints
	sent, seen time.Time
}

// room is what hosts take.
type room struct{ hosts, bytes int }

func (r room) plus(o room) room { return room{r.hosts + o.hosts, r.bytes + o.bytes} }

func (r room) exceeds(limit int) bool { return r.hosts > limit || r.bytes > limit*bytesPerHost }

// New returns a Hosts that remembers nothing.
func New(opts Options) *Hosts {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.Tags = slices.Clone(opts.Tags)
	for i := range opts.Tags {
		opts.Tags[i] = cutTag(opts.Tags[i])
	}
	return &Hosts{opts: opts, seed: maphash.MakeSeed(), known: make(map[owner]*known)}
}

// Known is how many hosts are remembered.
func (h *Hosts) Known() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.all.hosts
}

// put remembers a host. The caller holds mu.
func (h *Hosts) put(of owner, host string, e *entry) {
	k := h.known[of]
	if k == nil {
		k = &known{hosts: make(map[string]*entry)}
		h.known[of] = k
	}
	more := room{1, e.record.bytes(host)}
	if old := k.hosts[host]; old != nil {
		more = more.plus(room{-1, -old.record.bytes(host)})
	}
	k.hosts[host] = e
	k.room, h.all = k.room.plus(more), h.all.plus(more)
}

// sweep forgets, once a period, what was not seen for one. The caller holds mu.
func (h *Hosts) sweep(now time.Time) {
	if now.Sub(h.swept) < h.opts.Period {
		return
	}
	h.swept = now
	for of, k := range h.known {
		for host, e := range k.hosts {
			if now.Sub(e.seen) >= h.opts.Period {
				less := room{-1, -e.record.bytes(host)}
				delete(k.hosts, host)
				k.room, h.all = k.room.plus(less), h.all.plus(less)
			}
		}
		if len(k.hosts) == 0 {
			delete(h.known, of)
		}
	}
}

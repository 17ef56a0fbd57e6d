package intake

import (
	"cmp"
	"slices"
)

// Drop counts items, or parts of items, that were answered with 202 and yet not kept as they were sent.
type Drop struct {
	Kind   string // KindSeries, …
	Reason string // DropTooOld, …
	Name   string // metric or check name; "" where items have none
	Count  int
}

// The kinds of items, as Drop.Kind and the control handler name them.
const (
	KindSeries   = "series"
	KindSketches = "sketches"
	KindLogs     = "logs"
	KindSpans    = "spans"
	KindStats    = "stats"
	KindChecks   = "checks"
	KindEvents   = "events"
	KindOTLP     = "otlp"
	// KindPublicSpans are spans of the public span intake.
	KindPublicSpans = "public_spans"
	// KindIncidents are in no Drop: an incident is there once it was answered.
	KindIncidents = "incidents"
	// KindHostMetadata are reports of hosts.
	KindHostMetadata = "host_metadata"
)

// The reasons of a Drop.
const (
	DropTooOld    = "too old"           // before the window of the intake: 1 h metrics, 18 h logs, 10 min checks
	DropTooNew    = "too far in future" // more than 10 min ahead
	DropTruncated = "truncated"         // a log above 1 MB: kept with its message cut
	DropTags      = "tag cut or lost"   // the series is kept; Count is tags
	DropDiscarded = "discarded by DropAll"
	DropEvicted   = "evicted by the cap"
)

// maxDropRows bounds the table: names beyond it are counted under otherNames.
const (
	maxDropRows = 10_000
	otherNames  = "(other names)"
)

type dropKey struct{ kind, reason, name string }

type dropTable map[dropKey]int

func (t *dropTable) add(kind, reason, name string, n int) {
	if n == 0 {
		return
	}
	if *t == nil {
		*t = dropTable{}
	}
	k := dropKey{kind, reason, name}
	if _, known := (*t)[k]; !known && len(*t) >= maxDropRows {
		k.name = otherNames
	}
	(*t)[k] += n
}

func (t dropTable) list() []Drop {
	drops := make([]Drop, 0, len(t))
	for k, n := range t {
		drops = append(drops, Drop{k.kind, k.reason, k.name, n})
	}
	slices.SortFunc(drops, func(a, b Drop) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Name, b.Name))
	})
	return drops
}

package intake

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
)

// Request is encoded data of one tenant for one intake, on its way through the queue.
//
// It has one owner at a time: the caller until the queue took it, then a queue worker, then the park. It holds no secret.
type Request struct {
	// Tenant is whose data it is, and Org (credential.Org in text) the organisation that had consented when it was mapped.
	Tenant string
	Org    string
	Family Family
	Payload
	// Oldest and Newest are the earliest and the latest time of an item in Unix seconds, 0 when no item has a time.
	Oldest, Newest int64
	// Stored are the numbers of the items of a durable queue that are part of this request alone: when it is done, the queue deletes them.
	Stored []uint64
	// Try is what has happened to the request in this process. It is not stored.
	Try Try
	// Progress is told of items of the request that are settled while others of it are on their way still. It is nil unless whoever has the request
	// counts that; a request that is made of this one has none.
	Progress func(items int)

	count int // OTLP items
	array int // bytes of the array that Body is a part of, 0 if it has one of its own
	freed int // bytes that it had when Free took them away
}

// Try is the history of a request in this process.
type Try struct {
	// Failures counts the attempts that ended in a retryable error.
	Failures int
	// First is when the first attempt began.
	First time.Time
	// Timeouts counts the attempts that ended because the intake did not answer in time. The park keeps it.
	Timeouts int
	// Pages counts those that were answered with a page of HTML that says 4xx. The park keeps it.
	Pages int
	// Partial says that the request is what was left of another one of which some was delivered or lost.
	Partial bool
	// Slot says that the request holds one of its tenant's places among the senders, Sending that it holds one of those of all tenants.
	Slot, Sending bool
	// Owed is what its tenant holds of the queue until the request is settled.
	Owed int
	// Stored is that of the request when it was tried first.
	Stored []uint64
}

// Kept is what is left of a Try in the park.
func (t Try) Kept() Try { return Try{Timeouts: t.Timeouts, Pages: t.Pages} }

var (
	_ xexporterhelper.Request             = (*Request)(nil)
	_ xexporterhelper.RequestErrorHandler = (*Request)(nil)
)

// NewRequest takes over p.
func NewRequest(tenant, org string, family Family, p Payload) *Request {
	r := &Request{Tenant: tenant, Org: org, Family: family, Payload: p}
	r.measure()
	return r
}

// measure derives the count and the time window from the items.
func (r *Request) measure() {
	r.count, r.Oldest, r.Newest = 0, 0, 0
	for i := range r.Items {
		r.count += int(r.Items[i].Count)
		r.see(r.Items[i].Unix, r.Items[i].Unix)
	}
}

func (r *Request) see(oldest, newest int64) {
	if oldest != 0 && (r.Oldest == 0 || oldest < r.Oldest) {
		r.Oldest = oldest
	}
	r.Newest = max(r.Newest, newest)
}

// Count is the number of OTLP items that are done when the request is delivered. It may be 0: the sketch of a histogram whose count was
// given to its first series.
func (r *Request) Count() int { return r.count }

// ItemsCount is Count, but never 0, since the queue silently forgets a request of size 0.
func (r *Request) ItemsCount() int { return max(r.count, 1) }

// BytesSize is the size before framing and compression. Free does not change it.
func (r *Request) BytesSize() int { return len(r.Body) + r.freed }

// Free gives the memory of a request back that is done: delivered, or lost. Its count and size remain, for who counts it.
func (r *Request) Free() {
	r.freed += len(r.Body)
	r.giveBack()
}

// Settled tells that items of r are delivered, expired or lost.
func (r *Request) Settled(items int) {
	if r.Progress != nil && items != 0 {
		r.Progress(items)
	}
}

// Key names the lane of the request: tenant, org and family. It also is the partition of the batcher, so data of two tenants never
// meets in a batch. The lengths in front keep any two different triples apart.
func (r *Request) Key() string {
	b := make([]byte, 0, len(r.Tenant)+len(r.Org)+2*binary.MaxVarintLen32+1)
	b = append(b, byte(r.Family))
	b = binary.AppendUvarint(b, uint64(len(r.Tenant)))
	b = append(b, r.Tenant...)
	b = binary.AppendUvarint(b, uint64(len(r.Org)))
	b = append(b, r.Org...)
	return string(b)
}

// PartitionKey is Key in the form that the batcher asks for.
func PartitionKey(_ context.Context, r xexporterhelper.Request) string { return r.(*Request).Key() }

// OnError returns what is left to send after a part was settled, else the request itself.
func (r *Request) OnError(err error) xexporterhelper.Request {
	var unsent *Unsent
	if errors.As(err, &unsent) {
		return unsent.Left
	}
	return r
}

// MergeSplit appends other, if there is one, and cuts the result into requests of at most maxSize by sizer, 0 for no limit.
//
// A single item above maxSize becomes a request of its own: only the intake's limits, at the time of sending, drop an item. The pieces
// share memory and none can be appended into another. The first holds everything of r that fits, since the batcher ties acknowledgements
// of r to it; the last is the smallest, except that it may be larger than a first one which had to stop before a very large item.
func (r *Request) MergeSplit(_ context.Context, maxSize int, sizer exporterhelper.RequestSizerType, other xexporterhelper.Request) ([]xexporterhelper.Request, error) {
	if sizer != exporterhelper.RequestSizerTypeBytes && sizer != exporterhelper.RequestSizerTypeItems {
		return nil, fmt.Errorf("batch by %s: only bytes and items can be split", sizer.String())
	}
	merged, own := false, r.Stored
	if other != nil {
		o, ok := other.(*Request)
		if !ok {
			return nil, fmt.Errorf("merge %T into a request for Datadog: not a request of this exporter", other)
		}
		if o.Family != r.Family || o.Tenant != r.Tenant || o.Org != r.Org {
			return nil, errors.New("merge two requests: they differ in tenant, organisation or intake")
		}
		if len(r.Body)+len(o.Body) > math.MaxUint32 {
			return nil, errors.New("merge two requests: together they are larger than 4 GiB; set sending_queue::batch::max_size")
		}
		r.append(o)
		merged = true
	}
	if maxSize <= 0 {
		return []xexporterhelper.Request{r}, nil
	}
	pieces := r.Divide(maxSize, sizer)
	if len(pieces) > 1 {
		first := 0
		if merged {
			first = 1
			pieces[0].Stored = own // what of other is in it is in the next, too
		}
		smallestLast(pieces[first:], sizer)
	}
	out := make([]xexporterhelper.Request, len(pieces))
	for i, p := range pieces {
		out[i] = p
	}
	return out, nil
}

// Divide cuts r into requests of at most maxSize bytes, or items. An item above that becomes a request of its own. r is not used any more, unless
// it is the only one.
func (r *Request) Divide(maxSize int, sizer exporterhelper.RequestSizerType) []*Request {
	size := bytesOf
	if sizer == exporterhelper.RequestSizerTypeItems {
		size = countOf
	}
	return r.cut(func(items []Item, begin uint32) int { return fitting(items, begin, maxSize, size) })
}

// append adds the items of o, which is not used any more.
func (r *Request) append(o *Request) {
	// A batch grows by many requests: twice its size at a time, so that each byte is copied once or twice. A part has no room behind it.
	if need := len(r.Body) + len(o.Body); cap(r.Body) < need {
		r.move(max(2*len(r.Body), need), len(r.Items)+len(o.Items))
		r.array = 0
	}
	base := uint32(len(r.Body))
	r.Body = append(r.Body, o.Body...)
	r.Items = slices.Grow(r.Items, len(o.Items))
	for _, it := range o.Items {
		it.End += base
		r.Items = append(r.Items, it)
	}
	r.Stored = append(r.Stored, o.Stored...)
	r.count += o.count
	r.see(o.Oldest, o.Newest)
	o.giveBack()
}

// cut divides r at item ends. take says how many of the leading items go into the next piece, at least 1; begin is where the first of them
// begins. The pieces share r's memory; r itself must not be used any more, unless it is the only piece.
func (r *Request) cut(take func(items []Item, begin uint32) int) []*Request {
	var pieces []*Request
	items, begin := r.Items, uint32(0)
	for len(items) > 0 {
		n := take(items, begin)
		if n == len(r.Items) {
			return []*Request{r}
		}
		r.loan = nil // the pieces share it
		pieces = append(pieces, r.part(items[:n:n], begin))
		begin = items[n-1].End
		items = items[n:]
	}
	return pieces
}

// part is a request for some consecutive items of r, which begin at begin.
func (r *Request) part(items []Item, begin uint32) *Request {
	end := items[len(items)-1].End
	if begin != 0 {
		shifted := make([]Item, len(items))
		for i, it := range items {
			it.End -= begin
			shifted[i] = it
		}
		items = shifted
	}
	p := NewRequest(r.Tenant, r.Org, r.Family, Payload{Body: r.Body[begin:end:end], Items: items})
	p.Try = r.Try
	p.array = max(r.array, cap(r.Body))
	return p
}

// Halves cuts a request of at least two items in two. r is not used any more.
func (r *Request) Halves() []*Request {
	half := (len(r.Items) + 1) / 2
	return r.cut(func(items []Item, _ uint32) int { return min(len(items), half) })
}

// Compact gives r memory of its own size, if it holds on to much more than it uses.
func (r *Request) Compact() {
	if max(r.array, cap(r.Body)) > 2*len(r.Body) {
		r.move(len(r.Body), len(r.Items))
		r.array = 0
	}
}

// Trim removes the items older than before and newer than after (Unix seconds, 0 for no bound), and returns how many OTLP items they were. Items
// without a time stay.
func (r *Request) Trim(before, after int64) (old, ahead int) {
	if (r.Oldest == 0 || r.Oldest >= before) && (after == 0 || r.Newest <= after) {
		return 0, 0
	}
	kept := Payload{Body: make([]byte, 0, len(r.Body)), Items: make([]Item, 0, len(r.Items))}
	begin := uint32(0)
	for _, it := range r.Items {
		switch {
		case it.Unix != 0 && it.Unix < before:
			old += int(it.Count)
		case after != 0 && it.Unix > after:
			ahead += int(it.Count)
		default:
			kept.Body = append(kept.Body, r.Body[begin:it.End]...)
			kept.EndItem(int(it.Count), it.Unix)
		}
		begin = it.End
	}
	r.giveBack()
	r.Payload, r.array = kept, 0
	r.measure()
	return old, ahead
}

// bytesOf and countOf measure one item, which begins at begin.
func bytesOf(it Item, begin uint32) int { return int(it.End - begin) }
func countOf(it Item, _ uint32) int     { return int(it.Count) }

// fitting returns how many leading items fit in limit, but at least 1.
func fitting(items []Item, begin uint32, limit int, size func(Item, uint32) int) int {
	total := 0
	for i, it := range items {
		if total += size(it, begin); total > limit {
			return max(i, 1)
		}
		begin = it.End
	}
	return len(items)
}

// smallestLast swaps the smallest request to the end.
func smallestLast(pieces []*Request, sizer exporterhelper.RequestSizerType) {
	size := (*Request).BytesSize
	if sizer == exporterhelper.RequestSizerTypeItems {
		size = (*Request).ItemsCount
	}
	last := len(pieces) - 1
	for i := range last {
		if size(pieces[i]) < size(pieces[last]) {
			pieces[i], pieces[last] = pieces[last], pieces[i]
		}
	}
}

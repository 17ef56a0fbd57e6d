package intake

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"
)

// The stored form of a request:
//
//	"DDQ" form(1) family(1)
//	uvarint length, tenant
//	uvarint length, org
//	uvarint number of items, then for each: uvarint length in body, uvarint count, zig-zag varint seconds after the item before it
//	uvarint length, body
//	only in form 2: the run that stored it(8)
//	CRC-32C of everything before it, little endian
//
// Every form, those of later versions too, begins with the first two lines and ends with the sum: so it is told from damage.
//
// There is no secret in it: the key is looked up when the request is sent. The sum finds damage, not malice; whoever can write the queue's
// files can forge a request, but only to a tenant that is connected, with that tenant's own key.
const (
	storedMagic = "DDQ"
	storedBare  = 1 // in the park, and in queues of before there was form 2
	storedByRun = 2
	maxOrgBytes = 1024
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Errors of Unmarshal. Compare with errors.Is.
var (
	// ErrForeign: the bytes were not written by this exporter. Give it a storage (or a component name) of its own.
	ErrForeign = errors.New("not a request that this exporter stored; was the queue's storage used by another exporter?")
	// ErrVersion: a newer version of this exporter wrote it; see Newer. A queue is closed before it reads one.
	ErrVersion = errors.New("stored by another version of this exporter")
	// ErrDamaged: the bytes are incomplete or changed.
	ErrDamaged = errors.New("stored request is damaged")
)

// Encoding stores requests in a persistent queue.
type Encoding struct {
	// Unreadable is given every request that cannot be read back, since the queue itself drops it without a word. It may be nil, and keeps nothing of
	// the bytes. A place in the queue that is empty is none: exporterhelper (v0.160.0) goes past the place of a request that it could not write, and refused.
	Unreadable func(stored []byte, err error)
	// Run is this run of the exporter. Found is told of every request that another one stored; it may be nil.
	Run   Run
	Found func(*Request)
}

// Run tells one run of an exporter from the others.
type Run [8]byte

// NewRun returns a random one.
func NewRun() (r Run) {
	_, _ = rand.Read(r[:]) // never fails
	return r
}

var _ exporterhelper.QueueBatchEncoding[xexporterhelper.Request] = Encoding{}

// Marshal returns the stored form of r. Nothing of ctx is kept: the tenant is inside the request.
func (e Encoding) Marshal(_ context.Context, r xexporterhelper.Request) ([]byte, error) {
	req, ok := r.(*Request)
	if !ok {
		return nil, fmt.Errorf("store %T: not a request of this exporter", r)
	}
	return req.appendStored(make([]byte, 0, len(req.Body)+len(req.Items)*8+len(req.Tenant)+len(req.Org)+64), e.Run[:]), nil
}

// Unmarshal reads what Marshal wrote. It keeps nothing of data. On an error the request is nil.
//
// exporterhelper (v0.160.0) reads at its start what consumers had when the run before ended, and stores it anew: then it is this run's, and Found is
// told of it once.
func (e Encoding) Unmarshal(data []byte) (context.Context, xexporterhelper.Request, error) {
	req, run, err := parseStored(data)
	if err != nil {
		if e.Unreadable != nil && len(data) > 0 {
			e.Unreadable(data, err)
		}
		return context.Background(), nil, err
	}
	if e.Found != nil && !bytes.Equal(run, e.Run[:]) {
		e.Found(req)
	}
	return context.Background(), req, nil
}

// appendStored appends form 2, or form 1 without a run.
func (r *Request) appendStored(dst, run []byte) []byte {
	begin, form := len(dst), byte(storedBare)
	if run != nil {
		form = storedByRun
	}
	dst = append(dst, storedMagic...)
	dst = append(dst, form, byte(r.Family))
	dst = appendText(dst, r.Tenant)
	dst = appendText(dst, r.Org)
	dst = binary.AppendUvarint(dst, uint64(len(r.Items)))
	end, unix := uint32(0), int64(0)
	for _, it := range r.Items {
		dst = binary.AppendUvarint(dst, uint64(it.End-end))
		dst = binary.AppendUvarint(dst, uint64(it.Count))
		dst = binary.AppendVarint(dst, it.Unix-unix)
		end, unix = it.End, it.Unix
	}
	dst = binary.AppendUvarint(dst, uint64(len(r.Body)))
	dst = append(dst, r.Body...)
	dst = append(dst, run...)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[begin:], castagnoli))
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// parseStored also returns the run that stored the request, as part of data, nil for form 1.
func parseStored(data []byte) (r *Request, run []byte, err error) {
	const header = len(storedMagic) + 2
	if len(data) < header || string(data[:len(storedMagic)]) != storedMagic {
		return nil, nil, ErrForeign
	}
	if len(data) < header+crc32.Size {
		return nil, nil, fmt.Errorf("%w: cut off", ErrDamaged)
	}
	content := data[:len(data)-crc32.Size]
	if !sumFits(data) {
		return nil, nil, fmt.Errorf("%w: wrong check sum", ErrDamaged)
	}
	form, family := data[len(storedMagic)], Family(data[len(storedMagic)+1])
	switch {
	case form == storedBare:
	case form != storedByRun:
		return nil, nil, fmt.Errorf("%w: form %d, this one reads %d and %d", ErrVersion, form, storedBare, storedByRun)
	case len(content) < header+len(Run{}):
		return nil, nil, fmt.Errorf("%w: cut off", ErrDamaged)
	default:
		end := len(content) - len(Run{})
		content, run = content[:end], content[end:]
	}
	in := reader{rest: content[header:]}
	tenant, org := string(in.bytes(MaxTenantBytes)), string(in.bytes(maxOrgBytes))
	items := in.items()
	body := in.bytes(math.MaxUint32)
	switch {
	case !family.Known():
		return nil, nil, fmt.Errorf("%w: intake %d", ErrVersion, family)
	case in.bad || len(in.rest) != 0:
		return nil, nil, fmt.Errorf("%w: lengths do not fit", ErrDamaged)
	case CheckTenant(tenant) != nil:
		return nil, nil, fmt.Errorf("%w: no tenant", ErrDamaged)
	case len(items) == 0 || int(items[len(items)-1].End) != len(body):
		return nil, nil, fmt.Errorf("%w: items do not cover the body", ErrDamaged)
	}
	return NewRequest(tenant, org, family, Payload{Body: append([]byte(nil), body...), Items: items}), run, nil
}

// Newer says that a newer version of this exporter stored a request: in a form, or for an intake, that this one does not know. Of others it looks at the
// beginning only.
func Newer(stored []byte) bool {
	const at, header = len(storedMagic), len(storedMagic) + 2
	if len(stored) < header+crc32.Size || string(stored[:at]) != storedMagic {
		return false
	}
	form := stored[at]
	known := form == storedBare || form == storedByRun
	return (!known || !Family(stored[at+1]).Known()) && sumFits(stored)
}

// sumFits says that a stored form ends with the check sum of what is before it. It is not shorter than the sum.
func sumFits(stored []byte) bool {
	end := len(stored) - crc32.Size
	return binary.LittleEndian.Uint32(stored[end:]) == crc32.Checksum(stored[:end], castagnoli)
}

// SameRequest says that two stored forms are of one request, whichever runs stored them and in which form.
func SameRequest(a, b []byte) bool {
	a, okA := withoutRun(a)
	b, okB := withoutRun(b)
	return okA && okB && bytes.Equal(a, b)
}

// withoutRun is what a stored form says of the request alone: neither form, nor run, nor check sum.
func withoutRun(stored []byte) (content []byte, ok bool) {
	const at, header = len(storedMagic), len(storedMagic) + 1
	end := len(stored) - crc32.Size
	if len(stored) > at && stored[at] == storedByRun {
		end -= len(Run{})
	}
	if end < header || string(stored[:at]) != storedMagic {
		return nil, false
	}
	return stored[header:end], true
}

// reader takes lengths and values off stored bytes. After the first thing that does not fit it is bad, and returns zero values.
type reader struct {
	rest []byte
	bad  bool
}

func (in *reader) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(in.rest)
	if n <= 0 || v > limit {
		in.bad, in.rest = true, nil
		return 0
	}
	in.rest = in.rest[n:]
	return v
}

func (in *reader) varint() int64 {
	v, n := binary.Varint(in.rest)
	if n <= 0 {
		in.bad, in.rest = true, nil
		return 0
	}
	in.rest = in.rest[n:]
	return v
}

func (in *reader) bytes(limit uint64) []byte {
	n := in.uvarint(limit)
	if n > uint64(len(in.rest)) {
		in.bad, in.rest = true, nil
		return nil
	}
	b := in.rest[:n]
	in.rest = in.rest[n:]
	return b
}

// items reads the table of items. An item takes at least three bytes here and one in the body, so a forged number allocates no more than
// a small multiple of what was stored.
func (in *reader) items() []Item {
	n := in.uvarint(uint64(len(in.rest)) / 3)
	items := make([]Item, 0, n)
	end, unix := uint64(0), int64(0)
	for range n {
		length := in.uvarint(math.MaxUint32)
		count := in.uvarint(math.MaxUint32)
		unix += in.varint()
		end += length
		if in.bad || length == 0 || end > math.MaxUint32 {
			in.bad, in.rest = true, nil
			return nil
		}
		items = append(items, Item{End: uint32(end), Count: uint32(count), Unix: unix})
	}
	return items
}

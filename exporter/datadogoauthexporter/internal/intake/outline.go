package intake

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// Outline is what is known of a parked request while its body is in a storage.
type Outline struct {
	// Request has neither body nor items, but their count, size and times.
	*Request
	// Owner is the exporter and the signal that parked it.
	Owner string
	// Ticket is the order of parking.
	Ticket uint64
	// Wire is how many wire items it has.
	Wire int
	// Sum is the check sum at the end of the stored request, so that no other one is taken for it.
	Sum uint32
}

// The stored form of an outline:
//
//	"DDP" version(1) form of the stored request(1) family(1)
//	uvarint length, owner; the same of tenant and org
//	uvarint ticket, number of wire items, count, length of body
//	zig-zag varint oldest, newest (Unix seconds)
//	CRC-32C of the stored request, little endian
//	CRC-32C of everything before it, little endian
const (
	outlineMagic   = "DDP"
	outlineVersion = 1
	maxOwnerBytes  = 1024
)

// Store returns the stored form of r, that of the queue without a run, and the outline to find it by. The outline's request is a new one.
func (r *Request) Store(owner string, ticket uint64) ([]byte, *Outline) {
	stored := r.appendStored(make([]byte, 0, len(r.Body)+len(r.Items)*8+len(r.Tenant)+len(r.Org)+64), nil)
	bare := &Request{Tenant: r.Tenant, Org: r.Org, Family: r.Family, Oldest: r.Oldest, Newest: r.Newest, count: r.count, freed: r.BytesSize()}
	return stored, &Outline{Request: bare, Owner: owner, Ticket: ticket, Wire: len(r.Items), Sum: sumOf(stored)}
}

// sumOf reads the check sum at the end of a stored request.
func sumOf(stored []byte) uint32 { return binary.LittleEndian.Uint32(stored[len(stored)-crc32.Size:]) }

// Append appends the stored form.
func (o *Outline) Append(dst []byte) []byte {
	begin := len(dst)
	dst = append(dst, outlineMagic...)
	dst = append(dst, outlineVersion, storedBare, byte(o.Family))
	dst = appendText(dst, o.Owner)
	dst = appendText(dst, o.Tenant)
	dst = appendText(dst, o.Org)
	for _, v := range []uint64{o.Ticket, uint64(o.Wire), uint64(o.Count()), uint64(o.BytesSize())} {
		dst = binary.AppendUvarint(dst, v)
	}
	dst = binary.AppendVarint(dst, o.Oldest)
	dst = binary.AppendVarint(dst, o.Newest)
	dst = binary.LittleEndian.AppendUint32(dst, o.Sum)
	return binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[begin:], castagnoli))
}

// ParseOutline reads what Append wrote. Its errors are those of Encoding.Unmarshal; another owner's outline is ErrForeign.
func ParseOutline(data []byte, owner string) (*Outline, error) {
	const header = len(outlineMagic) + 3
	if len(data) < header || string(data[:len(outlineMagic)]) != outlineMagic {
		return nil, ErrForeign
	}
	if v, form := data[len(outlineMagic)], data[len(outlineMagic)+1]; v != outlineVersion || form > storedBare {
		return nil, fmt.Errorf("%w: parked in form %d of form %d, this one reads %d of %d", ErrVersion, v, form, outlineVersion, storedBare)
	}
	if len(data) < header+2*crc32.Size {
		return nil, fmt.Errorf("%w: cut off", ErrDamaged)
	}
	content := data[:len(data)-crc32.Size]
	if binary.LittleEndian.Uint32(data[len(content):]) != crc32.Checksum(content, castagnoli) {
		return nil, fmt.Errorf("%w: wrong check sum", ErrDamaged)
	}
	in := reader{rest: content[header : len(content)-crc32.Size]}
	by := string(in.bytes(maxOwnerBytes))
	r := &Request{Family: Family(content[header-1]), Tenant: string(in.bytes(MaxTenantBytes)), Org: string(in.bytes(maxOrgBytes))}
	o := &Outline{Request: r, Owner: by, Sum: binary.LittleEndian.Uint32(content[len(content)-crc32.Size:])}
	o.Ticket, o.Wire = in.uvarint(math.MaxUint64), int(in.uvarint(math.MaxUint32))
	r.count, r.freed = int(in.uvarint(math.MaxInt64)), int(in.uvarint(math.MaxUint32))
	r.Oldest, r.Newest = in.varint(), in.varint()
	switch {
	case in.bad || len(in.rest) != 0 || o.Wire == 0:
		return nil, fmt.Errorf("%w: lengths do not fit", ErrDamaged)
	case by != owner:
		return nil, fmt.Errorf("%w: %q parked it", ErrForeign, by)
	case !r.Family.Known():
		return nil, fmt.Errorf("%w: intake %d", ErrVersion, r.Family)
	case CheckTenant(r.Tenant) != nil:
		return nil, fmt.Errorf("%w: no tenant", ErrDamaged)
	}
	o.Owner = owner // one text for all of them
	return o, nil
}

// Open reads the stored request that the outline is of. Its errors are those of Encoding.Unmarshal.
func (o *Outline) Open(stored []byte) (*Request, error) {
	r, _, err := parseStored(stored)
	switch {
	case err != nil:
		return nil, err
	case r.Tenant != o.Tenant || r.Org != o.Org || r.Family != o.Family || sumOf(stored) != o.Sum:
		return nil, fmt.Errorf("%w: it is another one than was parked", ErrDamaged)
	}
	r.Try = o.Try.Kept()
	return r, nil
}

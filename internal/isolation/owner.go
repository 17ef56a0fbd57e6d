package isolation

import (
	"fmt"
	"math"
	"time"
)

// Tenants is how many tenants can be told apart.
const Tenants = 12

// rounds is after how many organisations of a tenant the marks repeat.
const rounds = 4

// Owner is a tenant in the organisation that it has after a number of changes.
type Owner struct {
	Tenant  int // from 0 to Tenants-1
	Changes int // of its organisation
}

// Name is the tenant's, as the partner names it. It must not be in any body.
func (o Owner) Name() string { return Name(o.Tenant) }

// Name is that of a tenant.
func Name(tenant int) string { return "customer-" + string(rune('a'+tenant)) }

// Owners is a set of them.
type Owners uint64

const (
	nobody   Owners = 0
	anybody  Owners = 1<<(Tenants*rounds) - 1
	ofTenant Owners = 1<<rounds - 1 // of tenant 0
)

// Set has o alone, and whoever repeats its mark.
func (o Owner) Set() Owners { return 1 << o.index() }

func (o Owner) index() int { return o.Tenant*rounds + o.Changes%rounds }

// String names them, as tenant and organisation.
func (s Owners) String() string {
	if s == anybody {
		return "everybody"
	}
	text := ""
	for i := range Tenants * rounds {
		if s&(1<<i) != 0 {
			text += fmt.Sprintf(" %s/%d", Name(i/rounds), i%rounds)
		}
	}
	if text == "" {
		return "nobody"
	}
	return text[1:]
}

// sole says that all of s are one tenant.
func (s Owners) sole() bool {
	for t := range Tenants {
		if all := ofTenant << (t * rounds); s&all != 0 {
			return s&^all == 0
		}
	}
	return false
}

// AnyOf is the set of a tenant in all of its organisations, nobody for a number that is none.
func AnyOf(n int) Owners {
	if n < 0 || n >= Tenants {
		return nobody
	}
	return ofTenant << (n * rounds)
}

// markBytes is the length of a mark: zq, a letter for the tenant, one for the organisation, qz.
const markBytes = 6

// mark is in every text of an owner. It is of small letters, which every intake's rules for names leave as they are.
func (o Owner) mark() string {
	return string([]byte{'z', 'q', 'a' + byte(o.Tenant), 'a' + byte(o.Changes%rounds), 'q', 'z'})
}

// marked finds the marks in a text. A text without one has everybody's.
func marked(s string) (of Owners, found bool) {
	of = anybody
	for i := 0; i+markBytes <= len(s); i++ {
		if s[i] != 'z' || s[i+1] != 'q' || s[i+4] != 'q' || s[i+5] != 'z' {
			continue
		}
		found = true
		t, c := int(s[i+2])-'a', int(s[i+3])-'a'
		if t < 0 || t >= Tenants || c < 0 || c >= rounds {
			return nobody, true
		}
		of &= Owner{t, c}.Set()
	}
	return of, found
}

// primes are those of the owners. Each is its own reciprocal's reciprocal, since a rate of one in so many is sent as such and made a number again.
var primes = func() (all [Tenants * rounds]uint64) {
	n := 0
	for p := uint64(1009); n < len(all); p += 2 {
		rate := 1 / float64(p)
		if isPrime(p) && 1/rate == float64(p) {
			all[n] = p
			n++
		}
	}
	return all
}()

func isPrime(p uint64) bool {
	for d := uint64(3); d*d <= p; d += 2 {
		if p%d == 0 {
			return false
		}
	}
	return true
}

func (o Owner) prime() uint64 { return primes[o.index()] }

// multiples are those of s whose prime divides v, which is not 0.
func (s Owners) multiples(v uint64) (of Owners) {
	if v == 0 {
		return nobody
	}
	for i, rest := 0, s; rest != 0; i, rest = i+1, rest>>1 {
		if rest&1 != 0 && v%primes[i] == 0 {
			of |= 1 << i
		}
	}
	return of
}

// firstRange is where the range of tenant 0 begins. That of each other one begins at twice the size, and all end at five quarters of where they began.
const firstRange = 1 << 14

func (o Owner) low() float64 { return float64(uint64(firstRange) << o.Tenant) }

// sized is the tenant in whose range v is, give or take what is lost in bins.
func sized(v float64) Owners {
	const loss = 0.03
	n := int(math.Floor(math.Log2(v * (1 + loss) / firstRange)))
	if n < 0 || n >= Tenants || v > float64(uint64(firstRange)<<n)*1.25*(1+loss) {
		return nobody
	}
	return AnyOf(n)
}

// Each tenant has a window of some seconds in turn. Its moments are in the first third, since the exporter moves counts of one second up to ten
// seconds ahead.
const (
	window = 18 // s
	round  = Tenants * window
)

// moment is one before now, in the last window of the tenant that began. Later moments never become earlier ones.
func (o Owner) moment(now time.Time) time.Time {
	behind := (now.Unix() - int64(o.Tenant)*window) % round
	elapsed := time.Duration(behind)*time.Second + time.Duration(now.Nanosecond())
	return time.Unix(now.Unix()-behind, int64(elapsed*window/round/3))
}

// timed is the tenant whose window a second is in.
func timed(second int64) Owners { return AnyOf(int(second % round / window)) }

const (
	// idRest is what ids are divided by; the rest is the tenant.
	idRest = 64
	// batchShift is where the number of the batch begins in an id.
	batchShift = 40
)

func identified(id uint64) Owners { return AnyOf(int(id % idRest)) }

// Part is what a batch has of one tenant.
type Part struct {
	Batch  uint64
	Tenant int
}

// PartOf is where a trace or span belongs, by its id.
func PartOf(id uint64) Part { return Part{id >> batchShift, int(id % idRest)} }

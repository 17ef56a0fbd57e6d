package tenancy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// weighing is a request of so many bytes, with its item.
func weighing(tenant, org string, bytes int) *intake.Request {
	p := intake.Payload{Body: make([]byte, bytes-itemBytes)}
	p.EndItem(1, 0)
	return intake.NewRequest(tenant, org, intake.Logs, p)
}

// TestRoomIsMadeWithoutALookAtEveryone counts the lanes that are asked about, in a park that is full with ten thousand of them.
func TestRoomIsMadeWithoutALookAtEveryone(t *testing.T) {
	t.Parallel()
	const tenants, more = 10_000, 500
	p := newPark(ParkLimits{PerTenantBytes: 1 << 20, TotalBytes: 2 * tenants * 100}, 0)
	for i := range 2 * tenants {
		r := weighing(fmt.Sprint("tenant-", i/2), "org", 100)
		p.add(r.Key(), p.admit(r))
	}
	asked := 0
	for i := range more {
		r := weighing(fmt.Sprint("another-", i), "org", 100)
		gone, ok := p.makeRoom(r, func(string) bool {
			asked++
			return true
		})
		if !ok || len(gone) != 1 {
			t.Fatalf("%t: %d make room", ok, len(gone))
		}
		p.add(r.Key(), p.admit(r))
	}
	if asked > 20*more {
		t.Errorf("%d questions", asked)
	}
}

// TestWhoHasMostIsWhoHasMost plays at random, and compares with a look at all shelves.
func TestWhoHasMostIsWhoHasMost(t *testing.T) {
	t.Parallel()
	for seed := range uint64(5) {
		chance := rand.New(rand.NewPCG(seed, 3))
		p := newPark(ParkLimits{PerTenantBytes: 1 << 20, TotalBytes: 1 << 30}, 0)
		var lanes []string
		for range 3000 {
			if chance.IntN(5) < 3 || len(lanes) == 0 {
				org := [...]string{"", "org", "another"}[chance.IntN(3)]
				r := weighing(fmt.Sprint("tenant-", chance.IntN(50)), org, 100+chance.IntN(1000))
				put := [...]func(string, *parked){p.add, p.back}[chance.IntN(2)]
				put(r.Key(), p.admit(r))
				lanes = append(lanes, r.Key())
			} else {
				i := chance.IntN(len(lanes))
				if e, ok := p.take(lanes[i]); ok {
					p.count(e, -1)
				}
				lanes = slices.Delete(lanes, i, i+1)
			}
			mayLose := func(lane string) bool { return len(lane)%3 > 0 }
			parking := weighing(fmt.Sprint("tenant-", chance.IntN(50)), [...]string{"", "org"}[chance.IntN(2)], 500)
			if parking.Org == "" {
				mayLose = func(lane string) bool { return p.shelves[lane].stranger }
			}
			bytes := map[string]int{parking.Tenant: 500}
			for lane, s := range p.shelves {
				if mayLose(lane) {
					bytes[s.tenant] += s.bytes
				}
			}
			most := slices.Max(slices.Collect(maps.Values(bytes)))
			if got := p.largest(mayLose, parking, 500); bytes[got] != most {
				t.Fatalf("seed %d: %s has most, with %d bytes; somebody has %d", seed, got, bytes[got], most)
			}
		}
		for _, lane := range p.lanes() {
			for _, ok := p.take(lane); ok; _, ok = p.take(lane) {
			}
		}
		if len(p.most.heap)+len(p.most.holders)+len(p.mostStrange.heap)+len(p.mostStrange.holders)+len(p.shelves) > 0 {
			t.Errorf("seed %d: somebody is left", seed)
		}
	}
}

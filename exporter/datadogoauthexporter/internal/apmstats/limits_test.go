package apmstats_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/apmstats"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

func totals(all []clientStats) (groups int, hits, overflow uint64) {
	for _, c := range all {
		groups += len(c.Groups)
		for _, g := range c.Groups {
			if hits += g.Hits; g.Resource == apmstats.Overflow {
				overflow += g.Hits
			}
		}
	}
	return groups, hits, overflow
}

func TestKeysAreBoundedPerTenant(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *apmstats.Options) { o.MaxKeysPerTenant = 10 })
	for i := range 30 {
		f.add("acme", apmstats.Chunk{Env: "prod"}, entry(fmt.Sprint(i), 0))
		f.add("acme", apmstats.Chunk{Env: "prod"}, entry("0", 0)) // has its group
	}
	f.add("acme", apmstats.Chunk{Env: "elsewhere"}, entry("0", 0))
	f.add("globex", apmstats.Chunk{}, entry("0", 0))
	all := f.flush(true)
	groups, hits, overflow := totals(all["acme org-of-acme"])
	if groups != 12 || hits != 61 || overflow != 21 || f.overflowed != 21 {
		t.Errorf("%d groups with %d hits, %d of them in an overflow group, %d counted", groups, hits, overflow, f.overflowed)
	}
	for _, c := range all["acme org-of-acme"] {
		for _, g := range c.Groups {
			if g.Resource == apmstats.Overflow && (g.Root != 0 || g.Service != apmstats.Overflow || g.Kind != "" || c.Env != "prod" && c.Env != "none") {
				t.Errorf("overflow group %+v of env %q", g, c.Env)
			}
		}
	}
	if _, hits, overflow := totals(all["globex org-of-globex"]); hits != 1 || overflow != 0 {
		t.Errorf("the other tenant has %d hits, %d of them in an overflow group", hits, overflow)
	}
	// What was flushed makes room.
	f.add("acme", apmstats.Chunk{}, entry("new", 0))
	if _, _, overflow := totals(f.flush(true)["acme org-of-acme"]); overflow != 0 {
		t.Error("no room after a flush")
	}
}

func TestKeysAreBoundedInAll(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *apmstats.Options) { o.MaxKeys = 5 })
	for round := range 3 { // the figure is right after a flush, too
		f.overflowed = 0
		for i := range 4 {
			f.add("acme", apmstats.Chunk{}, entry(fmt.Sprint(i), 0))
			f.add("globex", apmstats.Chunk{}, entry(fmt.Sprint(i), 0))
		}
		if f.overflowed != 3 {
			t.Fatalf("round %d: %d spans of 8 in overflow groups, want 3", round, f.overflowed)
		}
		f.flush(true)
	}
}

// TestKeysAreBoundedByBytes: a key that is too large alone, and keys that are too large together.
func TestKeysAreBoundedByBytes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(o *apmstats.Options) { o.MaxKeysPerTenant = 100 })
	large := func(i, n int) apmstats.Span {
		s := entry(fmt.Sprint(i), 0)
		s.Kind, s.PeerTags = "client", []apmstats.Tag{{Key: "peer.service", Value: strings.Repeat("x", n)}}
		return s
	}
	f.add("acme", apmstats.Chunk{}, large(0, 70<<10))
	if f.overflowed != 1 {
		t.Error("a key of 70 KiB has a group")
	}
	for i := range 10 {
		f.add("acme", apmstats.Chunk{}, large(i, 20<<10)) // 100 KiB hold 4
	}
	if f.overflowed != 7 {
		t.Errorf("%d spans in overflow groups, want 7", f.overflowed)
	}
	f.flush(true)
}

// TestManyGroupsBecomePieces: at most 4000 groups and 256 KiB in an item, and each says that it is one of several.
func TestManyGroupsBecomePieces(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		groups, resourceBytes int
		split                 bool
	}{{100, 10, false}, {3000, 10, false}, {5000, 10, true}, {3000, 2000, true}} {
		f := newFixture(t, func(o *apmstats.Options) { o.MaxKeysPerTenant, o.MaxKeys = 10_000, 10_000 })
		for i := range c.groups {
			f.add("acme", apmstats.Chunk{Env: "prod"}, entry(fmt.Sprint(i)+strings.Repeat("r", c.resourceBytes), 0))
		}
		f.Flush(true, func(_, _ string, p intake.Payload) bool {
			all, err := decodeItems(p.Body)
			if err != nil {
				t.Fatal(err)
			}
			if groups, hits, _ := totals(all); groups != c.groups || int(hits) != c.groups || p.Count() != c.groups {
				t.Errorf("%d groups became %d with %d hits, counted as %d", c.groups, groups, hits, p.Count())
			}
			begin := 0
			for i, it := range p.Items {
				if size := int(it.End) - begin; size > 260<<10 || it.Count > 4000 || all[i].Split != c.split || all[i].Env != "prod" {
					t.Errorf("%d groups: an item of %d B, %d groups, split %t, env %q", c.groups, size, it.Count, all[i].Split, all[i].Env)
				}
				begin = int(it.End)
			}
			if len(p.Items) < 2 && c.groups > 1000 {
				t.Errorf("%d groups in one item", c.groups)
			}
			return true
		})
	}
}

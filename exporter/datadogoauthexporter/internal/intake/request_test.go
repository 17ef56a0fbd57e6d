package intake_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"go.opentelemetry.io/collector/exporter/exporterhelper"
	"go.opentelemetry.io/collector/exporter/exporterhelper/xexporterhelper"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// request makes items of the given sizes; every byte of an item is the letter of its tenant plus its place.
func request(tenant string, sizes ...int) *intake.Request {
	var p intake.Payload
	for i, n := range sizes {
		p.Body = append(p.Body, bytes.Repeat([]byte{byte('a' + i%26)}, n)...)
		p.EndItem(i%3, int64(1_700_000_000+i))
	}
	return intake.NewRequest(tenant, "main/datadoghq.eu/org-"+tenant, intake.Series, p)
}

// TestMergeSplitKeepsEveryItemOnce checks the contract of exporterhelper on random requests: nothing lost, nothing twice, order of bytes
// inside an item kept, no piece above the limit unless it is one item, the last piece not larger than the others.
func TestMergeSplitKeepsEveryItemOnce(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 5_000 {
		sizes := func() []int {
			out := make([]int, 1+rnd.IntN(20))
			for i := range out {
				out[i] = 1 + rnd.IntN(50)
			}
			return out
		}
		a, b := request("acme", sizes()...), request("acme", sizes()...)
		limit, sizer := rnd.IntN(120), exporterhelper.RequestSizerTypeBytes
		if rnd.IntN(2) == 0 {
			sizer = exporterhelper.RequestSizerTypeItems
			limit = rnd.IntN(12)
		}
		want := items(a)
		var other xexporterhelper.Request
		if merged := rnd.IntN(2) == 0; merged {
			want = append(want, items(b)...)
			other = b
		}
		wantCount := a.Count()
		if other != nil {
			wantCount += b.Count()
		}

		pieces, err := a.MergeSplit(t.Context(), limit, sizer, other)
		if err != nil || len(pieces) == 0 {
			t.Fatalf("%d pieces, %v", len(pieces), err)
		}
		got := map[string]int{}
		gotCount := 0
		size := func(r xexporterhelper.Request) int {
			if sizer == exporterhelper.RequestSizerTypeItems {
				return r.ItemsCount()
			}
			return r.BytesSize()
		}
		for i, p := range pieces {
			r := p.(*intake.Request)
			for _, it := range items(r) {
				got[it]++
			}
			gotCount += r.Count()
			if limit > 0 && size(r) > limit && positive(r) > 1 {
				t.Fatalf("piece %d has %d, above %d, and %d items", i, size(r), limit, len(r.Items))
			}
			if i >= 1 && size(pieces[len(pieces)-1]) > size(r) {
				t.Fatalf("the last of %d pieces is larger than piece %d", len(pieces), i)
			}
		}
		for _, it := range want {
			got[it]--
		}
		for it, n := range got {
			if n != 0 {
				t.Fatalf("item %q: %+d", it, n)
			}
		}
		if gotCount != wantCount {
			t.Fatalf("count %d, want %d", gotCount, wantCount)
		}
	}
}

// items returns the wire items of r, with their time.
func items(r *intake.Request) []string {
	var out []string
	begin := uint32(0)
	for _, it := range r.Items {
		out = append(out, string(r.Body[begin:it.End])+"@"+string(rune(it.Unix%1000)))
		begin = it.End
	}
	return out
}

// positive counts the wire items that can be split off a request that is too large.
func positive(r *intake.Request) int {
	n := 0
	for _, it := range r.Items {
		if it.Count > 0 || len(r.Items) == 1 {
			n++
		}
	}
	return n
}

func TestPiecesCannotGrowIntoEachOther(t *testing.T) {
	t.Parallel()
	pieces, err := request("acme", 10, 10).MergeSplit(t.Context(), 10, exporterhelper.RequestSizerTypeBytes, nil)
	if err != nil || len(pieces) != 2 {
		t.Fatalf("%d pieces, %v", len(pieces), err)
	}
	if _, err := pieces[0].MergeSplit(t.Context(), 0, exporterhelper.RequestSizerTypeBytes, request("acme", 5)); err != nil {
		t.Fatal(err)
	}
	if got, want := pieces[1].(*intake.Request).Body, bytes.Repeat([]byte("b"), 10); !bytes.Equal(got, want) {
		t.Fatalf("the second piece became %q", got)
	}
}

func TestMergeRefusesAnotherTenant(t *testing.T) {
	t.Parallel()
	if got, err := request("acme", 1).MergeSplit(t.Context(), 0, exporterhelper.RequestSizerTypeBytes, request("globex", 1)); err == nil || got != nil {
		t.Fatalf("merged data of two tenants: %v", got)
	}
}

func TestKeysOfDifferentLanesDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, tenant := range []string{"a", "ab", "a\x01b", "abc"} {
		for _, org := range []string{"", "b", "bc", "c", "\x01b"} {
			for _, f := range []intake.Family{intake.Series, intake.Sketches} {
				r := intake.NewRequest(tenant, org, f, intake.Payload{})
				id := tenant + "|" + org + "|" + f.String()
				if before, ok := seen[r.Key()]; ok {
					t.Fatalf("%q and %q share a key", before, id)
				}
				seen[r.Key()] = id
			}
		}
	}
}

func TestItemsExpireOneByOne(t *testing.T) {
	t.Parallel()
	r := request("acme", 3, 4, 5)
	if old, ahead := r.Trim(1_700_000_002, 0); old != 1 || ahead != 0 { // items 0 and 1 are too old; item 0 counts none
		t.Fatalf("expired %d items, want 1; %d are ahead", old, ahead)
	}
	if string(r.Body) != "ccccc" || r.Oldest != 1_700_000_002 || len(r.Items) != 1 || r.Items[0].End != 5 {
		t.Fatalf("left %q %+v", r.Body, r.Items)
	}
	r = request("acme", 3, 4, 5)
	if old, ahead := r.Trim(1_700_000_001, 1_700_000_001); old != 0 || ahead != 2 {
		t.Fatalf("expired %d items, %d are ahead, want 2", old, ahead)
	}
	if string(r.Body) != "bbbb" || r.Oldest != 1_700_000_001 || r.Newest != r.Oldest || len(r.Items) != 1 {
		t.Fatalf("left %q %+v", r.Body, r.Items)
	}
}

func TestEmptyCountIsNotForgottenByTheQueue(t *testing.T) {
	t.Parallel()
	if r := request("acme", 1); r.Count() != 0 || r.ItemsCount() != 1 {
		t.Fatalf("count %d, queue sees %d", r.Count(), r.ItemsCount())
	}
}

func TestCheckTenant(t *testing.T) {
	t.Parallel()
	for name, good := range map[string]bool{
		"acme": true, "Ünïcode 1": true, "": false, "a\x00b": false, "a\nb": false, "a\u0085b": false, "a\u202eb": false, "a\u2028b": false, "a\u200bb": false, "a\ufffd": false, "\xff": false, "주식회사 한빛": true,
		string(bytes.Repeat([]byte("x"), credential.MaxTenantBytes)): true, string(bytes.Repeat([]byte("x"), credential.MaxTenantBytes+1)): false,
	} {
		if err := intake.CheckTenant(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestStoredGoesWhereTheItemIsAlone: what is cut out of an item of the queue does not say where the queue has it, but for the batch that was there before.
func TestStoredGoesWhereTheItemIsAlone(t *testing.T) {
	t.Parallel()
	item := func(number uint64, bytes int) *intake.Request {
		p := intake.Payload{}
		for range bytes {
			p.Body = append(p.Body, 'x')
			p.EndItem(1, 1)
		}
		r := intake.NewRequest("acme", "org", intake.Logs, p)
		r.Stored = []uint64{number}
		return r
	}
	for name, c := range map[string]struct {
		r, other *intake.Request
		want     string
	}{
		"alone":          {item(1, 4), nil, "[[1]]"},
		"alone, too big": {item(1, 12), nil, "[[] []]"},
		"merged":         {item(1, 4), item(2, 4), "[[1 2]]"},
		"merged and cut": {item(1, 4), item(2, 8), "[[1] []]"},
	} {
		var other xexporterhelper.Request
		if c.other != nil {
			other = c.other
		}
		pieces, err := c.r.MergeSplit(t.Context(), 10, exporterhelper.RequestSizerTypeBytes, other)
		if err != nil {
			t.Fatal(err)
		}
		var got [][]uint64
		for _, p := range pieces {
			got = append(got, p.(*intake.Request).Stored)
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

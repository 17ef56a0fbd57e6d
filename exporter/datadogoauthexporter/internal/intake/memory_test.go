package intake_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"slices"
	"testing"

	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

func TestMemoryLendsTheSameArrayAgain(t *testing.T) { // not parallel: it counts allocations
	var m intake.Memory
	allocs := testing.AllocsPerRun(1000, func() {
		var p intake.Payload
		m.Lend(&p, 100_000, 100)
		p.Body = append(p.Body, "item"...)
		p.EndItem(1, 0)
		r := intake.NewRequest("t", "o", intake.Logs, p)
		r.Free()
		if r.BytesSize() != 4 || r.Count() != 1 {
			t.Fatalf("%d bytes and %d items after it was freed", r.BytesSize(), r.Count())
		}
	})
	if allocs > 2 { // the request; the garbage collector empties the memory now and then
		t.Errorf("%v allocations", allocs)
	}
}

func TestMemoryLendsWhatIsAskedForAndLittleMore(t *testing.T) {
	t.Parallel()
	var m intake.Memory
	for range 20_000 {
		n := 1 + rand.IntN(1<<(1+rand.IntN(25)))
		var p intake.Payload
		m.Lend(&p, n, 1)
		if got := cap(p.Body); len(p.Body) != 0 || got < n || got > max(n*5/4, 4096) {
			t.Fatalf("%d bytes for %d", got, n)
		}
		r := intake.NewRequest("t", "o", intake.Logs, p)
		r.Free()
	}
}

// held is a request with what must be in it.
type held struct {
	r    *intake.Request
	want []byte
}

// TestMemoryIsNotLentTwice does with requests what the queue, the batcher, the sender and the park do, in any order, and looks that each of them
// still holds what it held: each request is filled with a byte of its own.
func TestMemoryIsNotLentTwice(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var m intake.Memory
	var live []held
	take := func() held {
		at := rand.IntN(len(live))
		h := live[at]
		live[at] = live[len(live)-1]
		live = live[:len(live)-1]
		return h
	}
	keep := func(want []byte, pieces ...*intake.Request) {
		for _, p := range pieces {
			live = append(live, held{p, want[:len(p.Body)]})
			want = want[len(p.Body):]
		}
	}
	for n := range 10_000 {
		switch what := rand.IntN(9); {
		case what < 3 && len(live) < 40 || len(live) < 2:
			var p intake.Payload
			m.Lend(&p, rand.IntN(20_000), 4)
			for range 1 + rand.IntN(8) {
				p.Body = append(p.Body, bytes.Repeat([]byte{byte(n)}, 1+rand.IntN(4000))...)
				p.EndItem(1, 1000+int64(rand.IntN(2)))
			}
			r := intake.NewRequest("t", "o", intake.Logs, p)
			want := bytes.Clone(r.Body)
			if rand.IntN(2) == 0 {
				r.Compact()
			}
			keep(want, r)
		case what < 5:
			a, b := take(), take()
			out, err := a.r.MergeSplit(ctx, []int{0, 5000, 50_000}[rand.IntN(3)], exporterhelper.RequestSizerTypeBytes, b.r)
			if err != nil {
				t.Fatal(err)
			}
			want, got := slices.Concat(a.want, b.want), 0
			pieces := make([]*intake.Request, len(out))
			for i, o := range out {
				pieces[i] = o.(*intake.Request)
				got += len(pieces[i].Body)
			}
			if got != len(want) {
				t.Fatalf("%d bytes of %d after merging", got, len(want))
			}
			// The smallest piece may have moved to the end, so what each must hold is told by where it was cut.
			for _, p := range pieces {
				live = append(live, held{p, bytes.Clone(p.Body)})
			}
			if len(pieces) == 1 && !bytes.Equal(pieces[0].Body, want) {
				t.Fatal("merging changed the data")
			}
		case what == 5:
			if h := take(); len(h.r.Items) > 1 {
				keep(h.want, h.r.Halves()...)
				h.r.Free() // as after all pieces of a request that the sender cut were delivered; the pieces may be kept longer
			} else {
				keep(h.want, h.r)
			}
		case what == 6:
			h := take()
			h.r.Trim(1001, 0)
			keep(bytes.Clone(h.r.Body), h.r)
		default:
			h := take()
			if !bytes.Equal(h.r.Body, h.want) {
				t.Fatal("a request's data changed while it was on its way")
			}
			h.r.Free()
		}
		for _, h := range live {
			if n%16 == 0 && !bytes.Equal(h.r.Body, h.want) {
				t.Fatal("a request's data changed while it was on its way")
			}
		}
	}
}

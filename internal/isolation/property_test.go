package isolation_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/isolation"
)

// What a run sends: DATADOGOAUTH_LONG asks for the long form, ISOLATION_BATCHES for another number.
const (
	shortBatches = 10_000
	longBatches  = 1_000_000
)

// TestTenantsNeverMix sends random batches of twelve tenants through the exporters of all signals, in all forms, to intakes that hang, break off,
// refuse and answer before they have read, while keys are rotated, organisations change and the collector is restarted. Every body that
// arrives must be of one tenant alone, by each of its texts and numbers, and that tenant's must be the key and the host under which it came.
//
// A failure names its seed. ISOLATION_SEED=seed runs the same episodes again.
func TestTenantsNeverMix(t *testing.T) {
	t.Parallel()
	batches := int64(shortBatches)
	if os.Getenv("DATADOGOAUTH_LONG") != "" {
		batches = longBatches
	}
	batches = number(t, "ISOLATION_BATCHES", batches)
	seed := number(t, "ISOLATION_SEED", time.Now().UnixNano())
	n := newNotes()
	var budget atomic.Int64
	budget.Store(batches)
	var failed atomic.Bool
	t.Run("episodes", func(t *testing.T) {
		for w := range 2 {
			t.Run(strconv.Itoa(w), func(t *testing.T) {
				t.Parallel()
				for i := 0; budget.Load() > 0 && !failed.Load(); i++ {
					runEpisode(t, seed, w, i, n, &budget, &failed)
				}
			})
		}
	})
	t.Logf("seed %d\n%s", seed, n)
	if failed.Load() || batches < shortBatches {
		return
	}
	what := []string{
		"restart from disk", "key rotated", "organisation changed", "tenant paused, disconnected or without a key", "batch refused, in part or whole",
		"answered before the body was read", "hang", "broken", "parked_items", "redriven_items", "restored_items", merged, split, "202", "307", "400", "403", "408", "413", "429", "500", "503",
	}
	for t := range isolation.Tenants {
		what = append(what, "bodies of "+isolation.Name(t))
	}
	for _, path := range []string{"/api/v2/series", "/api/beta/sketches", "/api/v2/logs", "/api/v0.2/traces", "/api/v0.2/stats", "/api/v1/events", "/api/v1/check_run",
		"/intake", "/api/v2/spans", "/v1/metrics", "/v1/logs", "/v1/traces"} {
		what = append(what, "bodies to "+path)
	}
	for _, never := range n.missing(5, what...) {
		t.Errorf("seed %d proves less than it should: %s", seed, never)
	}
}

func number(t *testing.T, name string, otherwise int64) int64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// runEpisode runs one in a bubble of its own.
func runEpisode(t *testing.T, seed int64, worker, i int, n *notes, budget *atomic.Int64, failed *atomic.Bool) {
	var once sync.Once
	report := func(err error) {
		failed.Store(true)
		once.Do(func() {
			t.Errorf("ISOLATION_SEED=%d, worker %d, episode %d: %v", seed, worker, i, err)
		})
	}
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Sprintf("ISOLATION_SEED=%d, worker %d, episode %d: %v", seed, worker, i, p))
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(uint64(seed), uint64(worker)<<32|uint64(i)))
		newEpisode(t, rnd, n, budget, failed, report).run()
	})
}

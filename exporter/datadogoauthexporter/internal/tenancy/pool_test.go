package tenancy_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// pool plays exporterhelper's part: workers that take requests off a queue and push them, again and again as long as the error is
// retryable and the budget of retries is not spent.
type pool struct {
	queue   chan *intake.Request
	workers sync.WaitGroup
}

func newPool(t *testing.T, w *world, workers int) *pool {
	p := &pool{queue: make(chan *intake.Request, 10_000)}
	for range workers {
		p.workers.Go(func() {
			for r := range p.queue {
				first, wait := time.Now(), 5*time.Second
				for err := w.Push(t.Context(), r); err != nil && !consumererror.IsPermanent(err); err = w.Push(t.Context(), r) {
					r = r.OnError(err).(*intake.Request)
					pause := time.Duration(float64(wait) * (0.5 + rand.Float64()))
					if wait = min(wait*3/2, 30*time.Second); time.Since(first)+pause > 5*time.Minute {
						t.Errorf("exporterhelper gave up: %v", err)
						break
					}
					time.Sleep(pause)
				}
			}
		})
	}
	return p
}

// stop waits for what is in the queue.
func (p *pool) stop() {
	close(p.queue)
	p.workers.Wait()
}

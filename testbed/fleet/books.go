package fleet

import (
	"context"

	"github.com/datadogoauth/otelcol-datadogoauth/internal/balance"
)

// Books asks the collector for its own metrics, by signal.
func (f *Fleet) Books(ctx context.Context) (map[string]balance.Account, error) {
	b, err := balance.Scrape(ctx, "http://127.0.0.1:"+f.metricsPort+"/metrics")
	if err != nil {
		return nil, err
	}
	all := map[string]balance.Account{}
	for name := range b {
		all[name.Signal] = b.Of(name.Signal)
	}
	return all, nil
}

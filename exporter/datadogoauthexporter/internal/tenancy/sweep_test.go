package tenancy_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

const lookUpTakes = 20 * time.Microsecond

// slowSource takes its time for tenants that are held.
type slowSource struct {
	*tenancytest.Source
	lookUps atomic.Int64
}

func (s *slowSource) Lookup(tenant string) (*credential.Credential, error) {
	if strings.HasPrefix(tenant, "held") {
		time.Sleep(lookUpTakes)
		s.lookUps.Add(1)
	}
	return s.Source.Lookup(tenant)
}

// TestLookingAtWhatIsParkedIsASmallPart: something changes all the time, and each time everything that is parked could be looked at.
func TestLookingAtWhatIsParkedIsASmallPart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var source *slowSource
		w := newWorld(t, func(s *tenancy.Settings) {
			source = &slowSource{Source: s.Source.(*tenancytest.Source)}
			s.Source = source
			s.Park = tenancy.ParkLimits{PerTenantBytes: 1 << 20, TotalBytes: 1 << 20}
		})
		for i := range 500 {
			tenant := fmt.Sprint("held-", i)
			w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
			w.source.Fail(tenant, credential.ErrPaused)
			if err := w.Push(t.Context(), of(tenant, "1")); err != nil {
				t.Fatal(err)
			}
		}
		source.lookUps.Store(0)
		begin := time.Now()
		w.Start()
		for i := range 1000 {
			w.source.Grant("another", "datadoghq.eu", "key", uint64(i+1), false)
			time.Sleep(time.Millisecond)
		}
		all, spent := time.Since(begin), time.Duration(source.lookUps.Load())*lookUpTakes
		if spent < all/20 || spent > all/8 {
			t.Errorf("%s of %s", spent, all)
		}
		time.Sleep(time.Second) // a look that is under way ends
		w.Stop(t.Context())
	})
}

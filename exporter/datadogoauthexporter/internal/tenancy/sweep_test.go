package tenancy_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// slowSource takes its time for tenants that are held.
type slowSource struct {
	*tenancytest.Source
	spent atomic.Int64 // nanoseconds
}

func (s *slowSource) Lookup(tenant string) (*credential.Credential, error) {
	if strings.HasPrefix(tenant, "held") {
		begin := time.Now()
		time.Sleep(20 * time.Microsecond)
		s.spent.Add(int64(time.Since(begin)))
	}
	return s.Source.Lookup(tenant)
}

// TestLookingAtWhatIsParkedIsASmallPart: something is parked all the time, and each time everything that is parked could be looked at.
func TestLookingAtWhatIsParkedIsASmallPart(t *testing.T) {
	t.Parallel()
	var source *slowSource
	w := newWorld(t, func(s *tenancy.Settings) {
		source = &slowSource{Source: s.Source.(*tenancytest.Source)}
		s.Source = source
		s.Park = tenancy.ParkLimits{PerTenantBytes: 1 << 20, TotalBytes: 1 << 20}
	})
	park := func(tenant string) {
		w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
		w.source.Fail(tenant, credential.ErrPaused)
		if err := w.Push(t.Context(), of(tenant, "1")); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 500 {
		park(fmt.Sprint("held-", i))
	}
	source.spent.Store(0)
	begin := time.Now()
	w.Start()
	for i := 0; time.Since(begin) < time.Second; i++ {
		park(fmt.Sprint("more-", i))
		time.Sleep(time.Millisecond)
	}
	w.Stop(t.Context())
	if spent, all := time.Duration(source.spent.Load()), time.Since(begin); spent == 0 || spent > all*2/5 {
		t.Errorf("%s of %s", spent, all)
	}
}

package datadogoauthexporter

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metadata"
)

// watchedGrants tells of the look-ups of one tenant.
type watchedGrants struct {
	*grants
	tenant  string
	lookups chan struct{}
}

func (w *watchedGrants) Lookup(tenant string) (*credential.Credential, error) {
	if tenant == w.tenant {
		w.lookups <- struct{}{}
	}
	return w.grants.Lookup(tenant)
}

// TestIdleTenantsHoldUpNobody has twelve tenants that are idle while all places hang. To drop their partitions, exporterhelper's batcher needs a worker for
// each, and holds the lock of all partitions until it has one.
func TestIdleTenantsHoldUpNobody(t *testing.T) {
	t.Parallel()
	const idle, flush = 12, 20 * time.Millisecond
	d, h := twoSites(t)
	w := &watchedGrants{grants: h.grants, tenant: "late", lookups: make(chan struct{}, 10)}
	h.extensions = map[component.ID]component.Component{component.NewID(metadata.Type): w}
	var names, hang []string
	for i := range idle {
		names = append(names, fmt.Sprint("idle-", i))
		h.grants.Grant(names[i], eu, euKey, 1, false)
	}
	for i := range 10 {
		site, key := eu, euKey
		if i%2 == 0 {
			site, key = us5, us5Key
		}
		hang = append(hang, fmt.Sprint("hang-", i))
		h.grants.Grant(hang[i], site, key, 1, false)
	}
	h.grants.Grant("late", eu, euKey, 1, false)
	hanging, release := make(chan struct{}, 100), make(chan struct{})
	d.answers(func(r received, _ http.Header) int {
		if strings.Contains(r.body, "hang-") {
			hanging <- struct{}{}
			<-release
		}
		return http.StatusAccepted
	})
	set, _ := settings(t)
	cfg := d.config()
	cfg.Queue.Get().Batch.Get().FlushTimeout = flush
	cfg.Queue.Get().NumConsumers = 10
	e, err := createLogs(context.Background(), set, cfg)
	e = run(t, e, err, h)
	defer close(release)
	consume := func(tenants ...string) {
		if err := e.ConsumeLogs(context.Background(), logsOf(tenants...)); err != nil {
			t.Fatal(err)
		}
	}
	consume(names...)
	d.await(t, idle)
	consume(hang...)
	for range cfg.Queue.Get().NumConsumers {
		<-hanging
	}
	time.Sleep(15 * flush) // the batcher's own timers: it drops what was idle for ten
	consume("late")
	late := time.After(time.Second)
	for range 2 { // whose it is, and to send it
		select {
		case <-w.lookups:
		case <-late:
			t.Fatal("not pushed within a second")
		}
	}
}

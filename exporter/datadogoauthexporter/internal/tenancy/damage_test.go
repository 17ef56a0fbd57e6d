package tenancy_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/tenancy/tenancytest"
)

// TestADamagedKeyHidesNothing takes one key after the other from a park of two ranges of slots, as a flipped bit in the key does. All other requests are
// found, the one whose key it was is counted, and nothing that is parked later overwrites what is there.
func TestADamagedKeyHidesNothing(t *testing.T) {
	t.Parallel()
	const requests = 300
	for key, unreadable := range map[string]int{"mark/0": 0, "mark/1": 0, "outline/7": 1, "outline/299": 1, "body/7": 1} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var disk tenancytest.Disk
				var bodies []string
				for i := range requests {
					bodies = append(bodies, fmt.Sprint(i))
				}
				parkOn(t, &disk, "acme", bodies...)
				disk.Change(func(k string, value []byte) []byte {
					if k == key {
						return nil
					}
					return value
				})
				w := reopen(t, &disk, nil)
				w.source.Grant("globex", "datadoghq.eu", "key", 1, false)
				w.source.Fail("globex", credential.ErrPaused)
				for range 10 {
					if err := w.Push(t.Context(), of("globex", "new")); err != nil {
						t.Fatal(err)
					}
				}
				counted := w.dropped[intake.ReasonUnreadable]
				w = reopen(t, &disk, nil)
				for _, tenant := range []string{"acme", "globex"} {
					w.source.Grant(tenant, "datadoghq.eu", "key", 1, false)
				}
				w.Start()
				defer w.Stop(t.Context())
				synctest.Wait()
				sent := map[string]int{}
				for _, body := range w.sent {
					sent[body]++
				}
				if counted += w.dropped[intake.ReasonUnreadable]; counted != unreadable {
					t.Errorf("%d requests are counted as unreadable, want %d", counted, unreadable)
				}
				if sent["new"] != 10 || len(sent) != 1+requests-unreadable {
					t.Errorf("%d of 10 new ones are sent, %d others of %d", sent["new"], len(sent)-1, requests)
				}
			})
		})
	}
}

// TestADamagedMarkOfAnEmptyRange has nothing left in the first range of slots, whose mark is damaged.
func TestADamagedMarkOfAnEmptyRange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var disk tenancytest.Disk
		var bodies []string
		for i := range 300 {
			bodies = append(bodies, fmt.Sprint(i))
		}
		parkOn(t, &disk, "acme", bodies...)
		disk.Change(func(k string, value []byte) []byte {
			kind, number, _ := strings.Cut(k, "/")
			if n, _ := strconv.Atoi(number); k == "mark/0" || kind != "mark" && n < 256 {
				return nil
			}
			return value
		})
		w := reopen(t, &disk, nil)
		if items, _ := w.Dispatcher.Parked(); items != 300-256 {
			t.Errorf("%d items are found", items)
		}
	})
}

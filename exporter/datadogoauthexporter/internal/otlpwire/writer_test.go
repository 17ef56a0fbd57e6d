package otlpwire_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/otlpwire/otlpwiretest"
)

// TestAnElementIsOfOneTime: a request can leave out whole elements only, so neither an old item nor one that is ahead may take its neighbours along,
// or hide among them.
func TestAnElementIsOfOneTime(t *testing.T) {
	t.Parallel()
	const now, last = 1_800_000_000, math.MaxUint64 / 1_000_000_000
	for name, c := range map[string]struct {
		times  []int64
		header int           // of the resource, in bytes; 0 for a short one
		want   []intake.Item // without End
	}{
		"within a minute of the first":  {[]int64{now, now + 60, now - 60, now}, 0, []intake.Item{{Count: 4, Unix: now + 60}}},
		"a minute and a second later":   {[]int64{now, now + 61}, 0, []intake.Item{{Count: 1, Unix: now}, {Count: 1, Unix: now + 61}}},
		"a minute and a second earlier": {[]int64{now, now - 61}, 0, []intake.Item{{Count: 1, Unix: now}, {Count: 1, Unix: now - 61}}},
		"one ahead in the middle":       {[]int64{now, now, now + 3600, now, now}, 0, []intake.Item{{Count: 2, Unix: now}, {Count: 1, Unix: now + 3600}, {Count: 2, Unix: now}}},
		"old ones before a fresh one":   {[]int64{now - 7200, now - 7201, now}, 0, []intake.Item{{Count: 2, Unix: now - 7200}, {Count: 1, Unix: now}}},
		"one without a time in between": {[]int64{now, 0, now}, 0, []intake.Item{{Count: 1, Unix: now}, {Count: 1}, {Count: 1, Unix: now}}},
		"each a little later, to two":   {[]int64{now, now + 50, now + 100, now + 150}, 0, []intake.Item{{Count: 2, Unix: now + 50}, {Count: 2, Unix: now + 150}}},
		"as far apart as times can be":  {[]int64{0, last, 1}, 0, []intake.Item{{Count: 1}, {Count: 1, Unix: last}, {Count: 1, Unix: 1}}},
		"long headers, four minutes":    {[]int64{now, now + 240, now - 240}, 4 << 9, []intake.Item{{Count: 3, Unix: now + 240}}},
		"long headers, and a second":    {[]int64{now, now + 241}, 4 << 9, []intake.Item{{Count: 1, Unix: now}, {Count: 1, Unix: now + 241}}},
		"however long, ten minutes":     {[]int64{now, now - 600, now - 601}, 64 << 9, []intake.Item{{Count: 2, Unix: now}, {Count: 1, Unix: now - 601}}},
		"none but those without a time": {[]int64{0, 0}, 0, []intake.Item{{Count: 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := otlpwire.Writer{MaxBytes: 1 << 20}
			var out intake.Payload
			w.Start(&out)
			w.Described(otlpwire.AppendString(w.Describe(0, 1), 3, strings.Repeat("r", max(c.header, 8))))
			w.Described(otlpwire.AppendString(w.Describe(1, 2), 3, "scope"))
			for i, unix := range c.times {
				if i == 1 { // what a level describes is written again in each element
					w.Described(otlpwire.AppendString(w.Describe(1, 2), 3, "another"))
				}
				if !w.EndItem(otlpwire.AppendUint(w.BeginItem(2, otlpwire.Small), 1, uint64(i+1)), unix) {
					t.Fatal("an item was left out")
				}
			}
			w.Finish()
			if n := otlpwiretest.Items(t, &out, 1<<20); n != len(c.times) {
				t.Errorf("%d items", n)
			}
			for i := range out.Items {
				out.Items[i].End = 0
			}
			if !slices.Equal(out.Items, c.want) {
				t.Errorf("items %+v, want %+v", out.Items, c.want)
			}
		})
	}
}

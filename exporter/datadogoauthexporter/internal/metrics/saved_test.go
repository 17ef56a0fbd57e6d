package metrics_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// shelf is what a Mapper saved.
type shelf struct {
	head     []byte
	sections [][]byte
	series   int
}

func save(t testing.TB, m *metrics.Mapper) shelf {
	t.Helper()
	var s shelf
	var err error
	s.head, s.series, err = m.Save("datadogoauth", func(i int, section []byte) error {
		if i != len(s.sections) {
			t.Errorf("section %d comes after %d", i, len(s.sections))
		}
		s.sections = append(s.sections, bytes.Clone(section))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// restart makes a Mapper that goes on where s was saved.
func restart(t testing.TB, o metrics.Options, s shelf) *metrics.Mapper {
	t.Helper()
	m := metrics.New(o)
	head, err := metrics.ReadHead(s.head, "datadogoauth")
	if err != nil {
		t.Fatal(err)
	}
	if head.Sections != len(s.sections) {
		t.Fatalf("the head knows %d of %d sections", head.Sections, len(s.sections))
	}
	m.Adopt(head)
	for i, section := range s.sections {
		if _, err := m.Restore(head, i, section); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func TestWhatIsSavedGoesOn(t *testing.T) {
	t.Parallel()
	m := metrics.New(testOptions())
	const tenants, series = 3, 700
	for tenant := range tenants {
		for i := range series {
			mapAndCommit(t, m, fmt.Sprint("tenant-", tenant), counter(fmt.Sprint("c", i), 1, 10, float64(tenant)))
		}
	}
	s := save(t, m)
	if s.series != tenants*series {
		t.Fatalf("%d series were saved", s.series)
	}
	m = restart(t, testOptions(), s)
	if got := m.Stats(); got.Series != tenants*series || got.Evictions != 0 {
		t.Fatalf("%+v are remembered", got)
	}
	for tenant := range tenants {
		for i := range series {
			wantGrowth(t, mapAndCommit(t, m, fmt.Sprint("tenant-", tenant), counter(fmt.Sprint("c", i), 1, 20, float64(tenant+i))), float64(i))
		}
	}
	wantDropped(t, mapAndCommit(t, m, "another", counter("c1", 1, 20, 8)), "baseline")
}

func TestWhatIsOwedIsSaved(t *testing.T) {
	t.Parallel()
	m := metrics.New(testOptions())
	mapAndCommit(t, m, "t", counter("c", 1, 1, 0))
	refused := m.Begin("t")
	mapAll(t, refused, counter("c", 1, 2, 10))
	mapAndCommit(t, m, "t", counter("c", 1, 3, 11))
	refused.Rollback()
	m = restart(t, testOptions(), save(t, m))
	wantGrowth(t, mapAndCommit(t, m, "t", counter("c", 1, 4, 13)), 12)
}

func TestALargeTenantHasSeveralSections(t *testing.T) {
	t.Parallel()
	m := metrics.New(testOptions())
	tx := m.Begin("t")
	for i := range 30_000 {
		mapAll(t, tx, counter(fmt.Sprint("c", i), 1, 10, 1))
	}
	tx.Commit()
	s := save(t, m)
	if len(s.sections) < 2 {
		t.Fatalf("%d sections", len(s.sections))
	}
	for i, section := range s.sections {
		if len(section) > 1<<20 {
			t.Errorf("section %d has %d bytes", i, len(section))
		}
	}
	if got := restart(t, testOptions(), s).Stats().Series; got != 30_000 {
		t.Errorf("%d series are remembered", got)
	}
}

func TestSavedSeriesExpire(t *testing.T) {
	t.Parallel()
	now := processStart
	o := testOptions()
	o.Now = func() time.Time { return now }
	o.DeltaTTL = time.Minute
	m := metrics.New(o)
	mapAndCommit(t, m, "t", counter("old", 1, 10, 5))
	now = now.Add(40 * time.Second)
	mapAndCommit(t, m, "t", counter("young", 1, 10, 5))
	s := save(t, m)
	now = now.Add(40 * time.Second)
	m = restart(t, o, s)
	wantDropped(t, mapAndCommit(t, m, "t", counter("old", 1, 20, 8)), "baseline")
	wantGrowth(t, mapAndCommit(t, m, "t", counter("young", 1, 20, 8)), 3)

	// A clock that was put back does not keep them for longer.
	now = processStart.Add(-time.Hour)
	m = restart(t, o, s)
	now = now.Add(time.Minute + 1)
	wantDropped(t, mapAndCommit(t, m, "t", counter("young", 1, 20, 8)), "baseline")
}

func TestRestoringKeepsToTheCaps(t *testing.T) {
	t.Parallel()
	m := metrics.New(testOptions())
	for i := range 50 {
		mapAndCommit(t, m, "t", counter(fmt.Sprint("c", i), 1, 10, 5))
	}
	o := testOptions()
	o.MaxSeriesPerTenant = 20
	if got := restart(t, o, save(t, m)).Stats(); got.Series != 20 || got.Evictions != 30 {
		t.Errorf("%+v, want 20 series and 30 evictions", got)
	}
}

func TestASavingThatFailsStops(t *testing.T) {
	t.Parallel()
	m := metrics.New(testOptions())
	for _, tenant := range []string{"a", "b", "c"} {
		mapAndCommit(t, m, tenant, counter("c", 1, 10, 5))
	}
	full, calls := errors.New("the disk is full"), 0
	_, _, err := m.Save("datadogoauth", func(int, []byte) error { calls++; return full })
	if !errors.Is(err, full) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// TestSpoiledBytesAreRefused changes each byte of a head and of a section, and cuts both off anywhere.
func TestSpoiledBytesAreRefused(t *testing.T) {
	t.Parallel()
	m := metrics.New(testOptions())
	mapAndCommit(t, m, "t", counter("c", 1, 10, 5))
	mapAndCommit(t, m, "t", buckets("h", 10, []float64{1, 2}, 1, 2, 3))
	s := save(t, m)
	head, err := metrics.ReadHead(s.head, "datadogoauth")
	if err != nil {
		t.Fatal(err)
	}
	each := func(b []byte, read func([]byte) error) {
		for i := range b {
			spoiled := bytes.Clone(b)
			spoiled[i] ^= 0x40
			if read(spoiled) == nil {
				t.Errorf("byte %d of %d can be changed", i, len(b))
			}
			if read(b[:i]) == nil {
				t.Errorf("%d of %d bytes are enough", i, len(b))
			}
		}
	}
	each(s.head, func(b []byte) error { _, err := metrics.ReadHead(b, "datadogoauth"); return err })
	fresh := metrics.New(testOptions())
	each(s.sections[0], func(b []byte) error { _, err := fresh.Restore(head, 0, b); return err })
	if got := fresh.Stats().Series; got != 0 {
		t.Errorf("%d series came of spoiled sections", got)
	}
	if _, err := metrics.ReadHead(s.head, "datadogoauth/2"); err == nil || !strings.Contains(err.Error(), `exporter "datadogoauth"`) {
		t.Errorf("the state of another exporter: %v", err)
	}
	other := save(t, m)
	if _, err := fresh.Restore(head, 0, other.sections[0]); err == nil {
		t.Error("a section of another saving is taken")
	}
}

// FuzzSaved reads any bytes as a head and as a section: no panic, and nothing but whole series is remembered.
func FuzzSaved(f *testing.F) {
	m := metrics.New(testOptions())
	mapAndCommit(f, m, "t", counter("c", 1, 10, 5))
	mapAndCommit(f, m, "t", buckets("h", 10, []float64{1, 2}, 1, 2, 3))
	s := save(f, m)
	f.Add(s.head, s.sections[0])
	head, err := metrics.ReadHead(s.head, "datadogoauth")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b, section []byte) {
		if h, err := metrics.ReadHead(b, "datadogoauth"); err == nil && h.Sections < 0 {
			t.Error("negative number of sections")
		}
		m := metrics.New(testOptions())
		m.Adopt(head)
		n, err := m.Restore(head, 0, section)
		if err != nil && n != 0 || n != m.Stats().Series {
			t.Errorf("%d series restored, %d remembered, %v", n, m.Stats().Series, err)
		}
	})
}

package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestAPhaseThatIsHitTooSeldomFails(t *testing.T) {
	t.Parallel()
	h := phaseHits{9, 5, 7, 4, 8}
	if p := h.rarest(); p != phaseParking {
		t.Errorf("the next aim is %q", p)
	}
	if err := h.missed(5); err == nil || !strings.Contains(err.Error(), `"parking" was hit 4 times, 5 are wanted`) {
		t.Errorf("%v", err)
	}
	if h[phaseParking]++; h.missed(5) != nil {
		t.Errorf("missed with %v", h)
	}
}

// The collector that is named here is none, so the run fails at once.
func TestTheSeedIsPrintedAndTakesEffect(t *testing.T) {
	t.Parallel()
	first := func(args ...string) string {
		var out bytes.Buffer
		if err := run(t.Context(), append([]string{"-collector", "/nonexistent", "-ctl", "/nonexistent", "-run", "outage"}, args...), &out); err == nil {
			t.Error("a run without a collector passed")
		}
		line, _, _ := strings.Cut(out.String(), "\n")
		return line
	}
	if got := first("-seed", "7"); got != "faults: seed 7" {
		t.Errorf("printed %q", got)
	}
	if a, b := first(), first(); a == b || !strings.HasPrefix(a, "faults: seed ") {
		t.Errorf("two runs without a seed: %q, %q", a, b)
	}
	choices := func(seed uint64) (all [20]int64) {
		l := newLab(options{seed: seed}, scenario{}, nil)
		for i := range all {
			all[i] = int64(l.within(1 << 40))
		}
		return all
	}
	if one, again := choices(1), choices(1); one != again || one == choices(2) {
		t.Error("the choices do not follow from the seed")
	}
}

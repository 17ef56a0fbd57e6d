package main

import (
	"strings"
	"testing"
)

func TestAStepThatIsHitTooSeldomFails(t *testing.T) {
	t.Parallel()
	h := hits{12, 10, 9, 30, 11}
	if aim, done := h.rarest(); aim != stepAnswered || done {
		t.Errorf("aimed at %q, done %t", aim, done)
	}
	if err := h.missed(); err == nil || !strings.Contains(err.Error(), `"answered" was hit 9 times`) {
		t.Errorf("%v", err)
	}
	h[stepAnswered]++
	if _, done := h.rarest(); !done || h.missed() != nil {
		t.Errorf("not done with %v", h)
	}
}

func TestAScenarioThatDoesNotExistIsNamed(t *testing.T) {
	t.Parallel()
	if _, err := choose("callers,nonsense"); err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("%v", err)
	}
	if chosen, err := choose("freeze,callers"); err != nil || len(chosen) != 2 || chosen[0].name != "freeze" {
		t.Errorf("%v, %v", chosen, err)
	}
}

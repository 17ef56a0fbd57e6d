package intake_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/consumer/consumererror"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// TestAnIntakeThatFindsEverythingTooLargeIsAskedAFewTimes: not once for each item.
func TestAnIntakeThatFindsEverythingTooLargeIsAskedAFewTimes(t *testing.T) {
	t.Parallel()
	for items, most := range map[int]int{1: 1, 2: 3, 40: 16, 1000: 26, 5000: 30} {
		in := newIntake(t, func(w http.ResponseWriter, _ call, _ int) { w.WriteHeader(http.StatusRequestEntityTooLarge) })
		b := &books{}
		err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Logs, slices.Repeat([]string{`{"a":1},`}, items)...))
		if !consumererror.IsPermanent(err) {
			t.Errorf("%d logs: %v", items, err)
		}
		if n := len(in.all()); n > most {
			t.Errorf("%d logs: %d bodies were sent", items, n)
		}
		if b.dropped[intake.ReasonTooLarge] != items {
			t.Errorf("%d logs: dropped %v", items, b.dropped)
		}
	}
}

// TestItemsThatAreTooLargeCostNoOther though there are many, and the intake has a limit that nobody knows of.
func TestItemsThatAreTooLargeCostNoOther(t *testing.T) {
	t.Parallel()
	in := newIntake(t, func(w http.ResponseWriter, c call, _ int) {
		if len(c.body) > 60_000 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	b := &books{}
	small, large := `{"a":1},`, `{"a":"`+strings.Repeat("x", 70_000)+`"},`
	if err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Logs, slices.Repeat([]string{small, large}, 10)...)); err != nil {
		t.Fatal(err)
	}
	if b.delivered != 10 || b.dropped[intake.ReasonTooLarge] != 10 {
		t.Errorf("delivered %d, dropped %v", b.delivered, b.dropped)
	}
}

// TestAnIntakeThatRefusesSmallItemsCostsOthers has one that takes no body above a kilobyte, though its limit is thousands of them. When three items were refused alone, nothing
// is cut any more: what it takes whole is delivered, and small items beside large ones go with them.
func TestAnIntakeThatRefusesSmallItemsCostsOthers(t *testing.T) {
	t.Parallel()
	in := newIntake(t, func(w http.ResponseWriter, c call, _ int) {
		if len(c.body) > 1_000 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
	})
	b := &books{}
	small, large := `{"a":1},`, `{"a":"`+strings.Repeat("x", 2_000)+`"},`
	if err := sender(in, b).Send(t.Context(), grant(t, false), of(intake.Logs, slices.Repeat([]string{small, large}, 16)...)); err != nil {
		t.Fatal(err)
	}
	if b.delivered != 3 || b.dropped[intake.ReasonTooLarge] != 29 {
		t.Errorf("delivered %d, dropped %v", b.delivered, b.dropped)
	}
}

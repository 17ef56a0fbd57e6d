package sends

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// at is a board at a moment of a step.
func at(step int64) (*clock, *Board) {
	c := &clock{time.Unix(step*int64(Step/time.Second)+7, 0)}
	return c, newBoard(maxTenants, c.now)
}

func TestHistoryCountsByHalfHours(t *testing.T) {
	t.Parallel()
	c, b := at(1000)
	s := b.Signal("metrics")
	assert.Empty(t, b.History("acme").Sent)
	s.NotSent("acme", intake.Series, errDown)
	assert.Empty(t, b.History("acme").Sent, "no body was tried")
	s.Taken("acme", intake.Series)
	s.Taken("acme", intake.Sketches)
	c.pass(Step)
	b.Signal("logs").Refused("acme", intake.Logs, errDown)
	c.pass(2 * Step)
	h := b.History("acme")
	assert.Equal(t, []uint32{2, 0, 0, 0}, h.Sent)
	assert.Equal(t, []uint32{0, 1, 0, 0}, h.Refused)
	assert.Equal(t, Step, h.Step)
	assert.Equal(t, time.Unix(1004*1800, 0), h.End)
	assert.Empty(t, b.History("globex").Sent)
}

// TestHistoryIsTheLatestSteps compares with a list of all steps, for starts and gaps that wrap the rings in every way.
func TestHistoryIsTheLatestSteps(t *testing.T) {
	t.Parallel()
	for gap := int64(1); gap < 2*Steps; gap++ {
		c, b := at(1000 + gap)
		first := 1000 + gap
		s := b.Signal("logs")
		sent, refused := map[int64]uint32{}, map[int64]uint32{}
		for n := range int64(200) {
			step := stepOf(c.at)
			for range n % 3 {
				s.Taken("acme", intake.Logs)
				sent[step]++
			}
			if n%5 == 0 {
				s.Refused("acme", intake.Logs, errors.New("refused"))
				refused[step]++
			}
			h := b.History("acme")
			for i := range h.Sent {
				of := step - int64(len(h.Sent)-1-i)
				if h.Sent[i] != sent[of] || h.Refused[i] != refused[of] {
					t.Fatalf("gap %d, step %d of %v: %d and %d, want %d and %d", gap, of, h, h.Sent[i], h.Refused[i], sent[of], refused[of])
				}
			}
			if want := min(Steps, step-first+1); gap < Steps && int64(len(h.Sent)) != want {
				t.Fatalf("gap %d: %d steps, want %d", gap, len(h.Sent), want)
			}
			if n%2 == 1 {
				c.pass(time.Duration(gap) * Step)
			}
		}
	}
}

func TestAClockThatIsSetBackCountsForTheLastStep(t *testing.T) {
	t.Parallel()
	c, b := at(1000)
	s := b.Signal("logs")
	s.Taken("acme", intake.Logs)
	c.pass(-5 * Step)
	s.Taken("acme", intake.Logs)
	assert.Equal(t, []uint32{2}, b.History("acme").Sent)
	assert.Equal(t, time.Unix(1001*1800, 0), b.History("acme").End)
}

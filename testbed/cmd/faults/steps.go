package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// step is where a kill found a refresh or a mint.
type step int

const (
	stepBeforeCall   step = iota // the intent was stored, and nothing had reached Datadog
	stepSent                     // Datadog had the request and had not answered
	stepAnswered                 // Datadog had answered, and the answer was not stored
	stepWritten                  // the answer was stored, and whoever waited had not heard of it
	stepAcknowledged             // whoever waited had got it
	steps
)

func (s step) String() string {
	return [...]string{"before call", "sent", "answered", "written", "acknowledged"}[s]
}

// hitsWanted is how often each step has to be hit.
const hitsWanted = 10

// hits counts kills by step.
type hits [steps]int

func (h hits) String() string {
	var parts []string
	for s := range steps {
		parts = append(parts, fmt.Sprintf("%s %d", s, h[s]))
	}
	return strings.Join(parts, ", ")
}

// rarest is the step that is to be aimed at next; done says that all were hit often enough.
func (h hits) rarest() (s step, done bool) {
	for other := range steps {
		if h[other] < h[s] {
			s = other
		}
	}
	return s, h[s] >= hitsWanted
}

// missed is an error that names the steps that were not hit often enough, nil if there is none.
func (h hits) missed() error {
	var errs []error
	for s := range steps {
		if h[s] < hitsWanted {
			errs = append(errs, fmt.Errorf("step %q was hit %d times, %d are wanted", s, h[s], hitsWanted))
		}
	}
	return errors.Join(errs...)
}

// delay is how long after Datadog's answer a kill comes at most. A write takes as long as the machine is busy, so where it was not over
// yet the next kill that is aimed behind it waits longer, and where everybody had heard of it, less long. The zero value begins in the
// middle.
type delay struct{ write time.Duration }

const (
	firstDelay   = 10 * time.Millisecond
	longestDelay = 500 * time.Millisecond
	// answeredDelay hits the time before the write.
	answeredDelay = 500 * time.Microsecond
)

func (d *delay) after(aim step) time.Duration {
	if aim == stepAnswered {
		return answeredDelay
	}
	if d.write == 0 {
		d.write = firstDelay
	}
	return d.write
}

func (d *delay) learn(aim step, before, after hits) {
	if aim != stepWritten || after[stepWritten] > before[stepWritten] {
		return
	}
	if after[stepAcknowledged] > before[stepAcknowledged] {
		d.write = max(d.write/2, answeredDelay)
	} else {
		d.write = min(2*d.write, longestDelay)
	}
}

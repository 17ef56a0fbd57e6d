package main

import (
	"errors"
	"fmt"
	"strings"
)

// phase is where a kill found data on its way. One kill can hit several: there are several tenants and signals.
type phase int

const (
	phaseBeforeAck phase = iota // a sender had handed a call over, and had no answer
	phaseInFlight               // an intake of a tenant in health had a request and had not answered
	phaseAnswered               // an intake had answered 2xx, and the items were in the queue's file still
	phaseParking                // items were in the park's file, and in the queue's still
	phaseRedrive                // items that were in the park's file had been taken by an intake
	phases
)

func (p phase) String() string {
	return [...]string{"before ack", "in flight", "after 2xx before delete", "parking", "redrive"}[p]
}

// phaseHits counts kills by phase.
type phaseHits [phases]int

func (h phaseHits) String() string {
	var parts []string
	for p := range phases {
		parts = append(parts, fmt.Sprintf("%s %d", p, h[p]))
	}
	return strings.Join(parts, ", ")
}

// rarest is the phase to aim at next.
func (h phaseHits) rarest() (p phase) {
	for other := range phases {
		if h[other] < h[p] {
			p = other
		}
	}
	return p
}

// missed is an error that names the phases that were hit less often than wanted, nil if there is none.
func (h phaseHits) missed(wanted int) error {
	var errs []error
	for p := range phases {
		if h[p] < wanted {
			errs = append(errs, fmt.Errorf("phase %q was hit %d times, %d are wanted", p, h[p], wanted))
		}
	}
	return errors.Join(errs...)
}

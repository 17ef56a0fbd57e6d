// Package balance reads what an exporter counts of its items, and says whether it balances. It is for tests alone: of the exporter in the process, and of
// a collector whose own metrics are scraped.
//
// For each exporter and signal of one process, at any moment at which nothing moves:
//
//	accepted + restored = delivered + dropped + expired + parking + queued
//
// A scrape is not one moment. While data moves, an item can be in two figures of it or in none, so a test waits until what it looks at stands still,
// or asks again (Await).
package balance

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Books are the accounts of one process.
type Books map[Name]Account

// Name is whose account it is.
type Name struct{ Exporter, Signal string }

// Account is what one exporter counts of the items of one signal.
type Account struct {
	Accepted, Restored          int
	Delivered, Expired          int
	Parking, Queued             int            // at the moment
	Dropped                     map[string]int // by reason, baselines among them
	Parked, Redriven, GivenBack int            // in no equation
}

// Lost is what is dropped for whatever reason.
func (a Account) Lost() (items int) {
	for _, n := range a.Dropped {
		items += n
	}
	return items
}

// Settled is what will not be sent any more.
func (a Account) Settled() int { return a.Delivered + a.Expired + a.Lost() }

// Missing is what was taken over or found, and is in no other figure. It is 0 when the account balances.
func (a Account) Missing() int { return a.Accepted + a.Restored - a.Settled() - a.Parking - a.Queued }

// Check says why an account does not balance.
func (a Account) Check() error {
	switch {
	case a.Queued < 0 || a.Parking < 0:
		return fmt.Errorf("less than nothing waits: %s", a)
	case a.Missing() != 0:
		return fmt.Errorf("%d items are in no figure, if negative in one too many: %s", a.Missing(), a)
	}
	return nil
}

func (a Account) String() string {
	var dropped []string
	for _, reason := range slices.Sorted(maps.Keys(a.Dropped)) {
		if n := a.Dropped[reason]; n != 0 {
			dropped = append(dropped, fmt.Sprintf("%s %d", reason, n))
		}
	}
	return fmt.Sprintf("accepted %d, restored %d, delivered %d, dropped [%s], expired %d, parking %d, queued %d",
		a.Accepted, a.Restored, a.Delivered, strings.Join(dropped, ", "), a.Expired, a.Parking, a.Queued)
}

// plus adds up two accounts.
func (a Account) plus(b Account) Account {
	sum := Account{
		Accepted: a.Accepted + b.Accepted, Restored: a.Restored + b.Restored, Delivered: a.Delivered + b.Delivered, Expired: a.Expired + b.Expired,
		Parking: a.Parking + b.Parking, Queued: a.Queued + b.Queued, Dropped: maps.Clone(a.Dropped),
		Parked: a.Parked + b.Parked, Redriven: a.Redriven + b.Redriven, GivenBack: a.GivenBack + b.GivenBack,
	}
	for reason, n := range b.Dropped {
		if sum.Dropped == nil {
			sum.Dropped = make(map[string]int)
		}
		sum.Dropped[reason] += n
	}
	return sum
}

// Of adds up the accounts of one signal over all exporters.
func (b Books) Of(signal string) (sum Account) {
	for name, a := range b {
		if name.Signal == signal {
			sum = sum.plus(a)
		}
	}
	return sum
}

// Incidents go by the journal, which collectors share: one brings to Datadog what another took. Its records balance over all of them, with what is in
// the journal.
const incidents = "incidents"

// Check says why some accounts do not balance.
func (b Books) Check() error {
	var errs []error
	for name, a := range b {
		if err := a.Check(); err != nil && name.Signal != incidents {
			errs = append(errs, fmt.Errorf("%s of %s: %w", name.Signal, name.Exporter, err))
		}
	}
	return errors.Join(errs...)
}

// Prefix is that of the exporter's instruments.
const Prefix = "otelcol_exporter_datadogoauth_"

// Add adds a value of an instrument, such as "dropped_items", to the account that its attributes name. Instruments that count no items are left alone.
func (b Books) Add(instrument string, attribute func(string) string, value int) {
	name := Name{attribute("exporter"), attribute("signal")}
	a := b[name]
	switch instrument {
	case "accepted_items":
		a.Accepted += value
	case "restored_items":
		a.Restored += value
	case "delivered_items":
		a.Delivered += value
	case "expired_items":
		a.Expired += value
	case "parking_items":
		a.Parking += value
	case "queued_items":
		a.Queued += value
	case "parked_items":
		a.Parked += value
	case "redriven_items":
		a.Redriven += value
	case "refused_items":
		a.GivenBack += value
	case "dropped_items":
		if a.Dropped == nil {
			a.Dropped = make(map[string]int)
		}
		a.Dropped[attribute("reason")] += value
	default:
		return
	}
	b[name] = a
}

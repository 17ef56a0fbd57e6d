package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/load"
	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/faults"
)

// damaged kills the collector with data in its files and damages the file of the log queue: first one request in it, which is counted and said, while
// all else arrives; then the file as a whole. In the end it damages the file of parked logs.
func damaged(ctx context.Context, l *lab) error {
	const tenant = "tenant"
	return l.inDeliveries(ctx, []string{tenant}, nil, func(d *deliveries) error {
		if err := d.killWithData(ctx, tenant); err != nil {
			return err
		}
		file := filepath.Join(d.w.Path("queue"), logsQueue)
		broken, err := delivery.Damage(file)
		if err != nil {
			return err
		}
		if err := d.restart(ctx); err != nil {
			return err
		}
		if err := d.allBut(ctx, broken); err != nil {
			return err
		}
		if err := d.settled(ctx, map[string]int{"unreadable": 1}); err != nil {
			return fmt.Errorf("one request was damaged: %w", err)
		}
		if !strings.Contains(d.w.Log.String(), "stored request is damaged") {
			return errors.New("the log does not say why a request is unreadable")
		}
		d.printf("one request of %d items damaged: it is counted and said, and %d others arrived", len(broken), len(d.owed())-len(broken))
		if err := d.wholeFile(ctx, tenant, file, broken); err != nil {
			return err
		}
		return d.parkPages(ctx, tenant)
	})
}

const (
	logsQueue = "exporter_datadogoauth__logs"
	logsPark  = "exporter_datadogoauth__parking_logs"
)

// afterAStop is what is dropped in a process whose predecessor was stopped in order: it knows how far each cumulative series was.
var afterAStop = map[string]int{"baseline": 0}

// wholeFile overwrites the beginning of a file, where bbolt has its two meta pages. The collector runs all the same: other signals go on, and what their
// files hold arrives; this one is refused for now, with the name of the file. Once it was moved away, this one goes on too.
func (d *deliveries) wholeFile(ctx context.Context, tenant, file string, broken []delivery.ID) error {
	if err := d.killWithData(ctx, tenant); err != nil {
		return err
	}
	files, err := delivery.Open(d.w.Path("queue"))
	if err != nil {
		return err
	}
	for _, id := range d.owed() {
		if d.client.Item(id).Signal == load.Logs && files.Queued[id] {
			broken = append(broken, id)
		}
	}
	if err := overwrite(file, bytes.Repeat([]byte("damaged "), 1<<13/8)); err != nil {
		return err
	}
	if err := d.restart(ctx); err != nil {
		return err
	}
	before, refused := len(d.owed()), d.client.Retried.Load()
	stop := d.load(ctx, tenant)
	err = errors.Join(pause(ctx, time.Second), d.allBut(ctx, broken), stop())
	err = errors.Join(err, d.settled(ctx, nil))
	taken := d.describe(d.owed()[before:])
	switch {
	case err != nil:
		return err
	case strings.Contains(taken, "logs") || !strings.Contains(taken, "metrics") || !strings.Contains(taken, "traces"):
		return fmt.Errorf("with the file of logs damaged there was taken: %s", taken)
	case d.client.Retried.Load() == refused:
		return errors.New("no sender of logs was refused for now")
	case !strings.Contains(d.w.Log.String(), filepath.Base(file)):
		return errors.New("the collector's log does not name the file")
	}
	d.printf("the whole file damaged: logs are refused for now and the file is named; taken: %s", taken)
	if err := errors.Join(d.w.Collector.Stop(), d.moveAway(ctx, file), d.restart(ctx)); err != nil {
		return err
	}
	before = len(d.owed())
	stop = d.load(ctx, tenant)
	if err := errors.Join(pause(ctx, 500*time.Millisecond), stop(), d.allBut(ctx, broken), d.settled(ctx, afterAStop)); err != nil {
		return err
	}
	if taken := d.describe(d.owed()[before:]); !strings.Contains(taken, "logs") {
		return fmt.Errorf("without the damaged file there was taken: %s", taken)
	}
	return nil
}

// moveAway has datadogoauthctl find the one file that is damaged, and move it out of the way.
func (d *deliveries) moveAway(ctx context.Context, file string) error {
	check := []string{"queue", "check", "--dir", filepath.Dir(file)}
	err := d.ctl(ctx, check...)
	if err == nil || !strings.Contains(err.Error(), filepath.Base(file)+": DAMAGED: ") || strings.Count(err.Error(), "DAMAGED") != 1 {
		return fmt.Errorf("datadogoauthctl does not name the damaged %s: %w", file, err)
	}
	if err := d.ctl(ctx, append(check, "--move-away")...); err != nil {
		return err
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("the damaged file is still there: %w", err)
	}
	return d.ctl(ctx, check...)
}

// parkPages flips a bit in each page of the file of parked logs. The collector runs all the same, and tells which file it is: other files have what they hold, and
// new logs go on. Once the file is mended what is in it arrives, too.
func (d *deliveries) parkPages(ctx context.Context, tenant string) error {
	gone := d.arrivals.Missing(d.owed()) // with what was damaged before
	if err := order(ctx, d.w.Node, tenant, "pause", map[string]string{"reason": "a scenario"}); err != nil {
		return err
	}
	stop := d.load(ctx, tenant)
	err := errors.Join(pause(ctx, time.Second), stop(), eventually(ctx, settleWithin, func() error {
		figures, err := d.scrape(ctx)
		if err == nil && figures.Sum("queued_items") > 0 {
			err = errors.New("not all is parked")
		}
		return err
	}))
	if err != nil {
		return err
	}
	d.w.Collector.Kill()
	file := filepath.Join(d.w.Path("queue"), logsPark)
	whole, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	parked := slices.DeleteFunc(d.arrivals.Missing(d.owed()), func(id delivery.ID) bool { return d.client.Item(id).Signal != load.Logs })
	if err := os.WriteFile(file, delivery.DamagePages(whole), 0o600); err != nil {
		return err
	}
	if err := errors.Join(d.restart(ctx), order(ctx, d.w.Node, tenant, "resume", nil)); err != nil {
		return err
	}
	stop = d.load(ctx, tenant)
	err = errors.Join(pause(ctx, 500*time.Millisecond), stop(), d.allBut(ctx, slices.Concat(gone, parked)), d.settled(ctx, nil))
	switch {
	case err != nil:
		return err
	case len(d.arrivals.Missing(parked)) != len(parked) || len(parked) <= len(gone):
		return fmt.Errorf("of %d logs in the damaged file %d arrived", len(parked), len(parked)-len(d.arrivals.Missing(parked)))
	case !strings.Contains(d.w.Log.String(), logsPark):
		return errors.New("the collector's log does not name the file")
	}
	d.printf("a bit of each page of parked logs flipped: the file is named, all else goes on")
	if err := errors.Join(d.w.Collector.Stop(), os.WriteFile(file, whole, 0o600), d.restart(ctx)); err != nil {
		return err
	}
	return errors.Join(d.allBut(ctx, gone), d.settled(ctx, afterAStop))
}

// killWithData ends the collector while what a tenant sends waits in its files.
func (d *deliveries) killWithData(ctx context.Context, tenant string) error {
	if err := d.fault(held, tenant, faults.Fault{Hang: true}); err != nil {
		return err
	}
	stop := d.load(ctx, tenant)
	err := errors.Join(pause(ctx, 700*time.Millisecond), stop())
	d.w.Collector.Kill()
	d.w.Standin.Faults().Remove(held)
	return errors.Join(err, d.quiet(ctx, d.w))
}

// allBut waits until everything that was acknowledged has arrived but what is named.
func (d *deliveries) allBut(ctx context.Context, broken []delivery.ID) error {
	gone := map[delivery.ID]bool{}
	for _, id := range broken {
		gone[id] = true
	}
	var owed []delivery.ID
	for _, id := range d.owed() {
		if !gone[id] {
			owed = append(owed, id)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, arriveWithin)
	defer cancel()
	if err := d.arrivals.Await(ctx, owed); err != nil {
		return fmt.Errorf("%w: %s", err, d.describe(d.arrivals.Missing(owed)))
	}
	return nil
}

func overwrite(file string, with []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(with, 0)
	return errors.Join(err, f.Close())
}

package datadogoauthexporter

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/events"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/incidents"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// incidentsWorker brings incidents to Datadog, if that is configured.
type incidentsWorker struct {
	core   *core
	worker atomic.Pointer[incidents.Worker] // nil before start
}

func (w *incidentsWorker) enabled() bool { return w.core.cfg.Incidents.Enabled }

// start finds the journal. It waits for no network.
func (w *incidentsWorker) start() error {
	c := w.core
	if !w.enabled() {
		return nil
	}
	journal, ok := c.source.(credential.Journal)
	if !ok {
		return fmt.Errorf("incidents::enabled: extension %q keeps no journal", c.cfg.Credentials)
	}
	if err := journal.Journals(); errors.Is(err, credential.ErrNoJournal) {
		return fmt.Errorf("incidents::enabled: %w; enable incidents in a collector whose extension has flow", err)
	}
	worker := incidents.New(incidents.Settings{
		Source:             c.source,
		Journal:            journal,
		Base:               c.client.Transport,
		UserAgent:          "otelcol-datadogoauth/" + c.set.BuildInfo.Version,
		Timeout:            c.cfg.Timeout,
		SearchFor:          c.cfg.Incidents.SearchFor,
		RetryWithoutFields: c.cfg.Incidents.RetryWithoutFields,
		MaxAge:             c.cfg.Incidents.MaxAge,
		Remember:           c.cfg.Incidents.RememberFor,
		Observer:           c.telemetry,
		Board:              c.sends,
		Logger:             c.set.Logger,
	})
	if err := c.telemetry.observeIncidents(worker.Figures); err != nil {
		return err
	}
	w.worker.Store(worker)
	worker.Start()
	return nil
}

// stop leaves to the journal what is left.
func (w *incidentsWorker) stop(ctx context.Context) error {
	if worker := w.worker.Load(); worker != nil {
		return worker.Stop(ctx)
	}
	return nil
}

// incidentRecords are what the records of one call say about incidents.
type incidentRecords struct {
	all   []incidents.Record
	count int // of records, those in drops included
	org   credential.Org
	drops intake.Drops
}

// read takes the records about incidents, and returns how many those are. One without a key is counted as malformed.
func (i *incidentRecords) read(rl plog.ResourceLogs) (taken int) {
	for _, sl := range rl.ScopeLogs().All() {
		for _, lr := range sl.LogRecords().All() {
			if events.KindOf(lr) != events.Incident {
				continue
			}
			taken++
			r, ok := incidents.Read(lr, time.Now())
			if !ok {
				i.drops.Add(intake.ReasonMalformed, 1)
				continue
			}
			i.all = append(i.all, r)
		}
	}
	i.count += taken
	return taken
}

// organisation is that of a tenant, if it is still the one that its records were mapped for, as text.
func (w *incidentsWorker) organisation(tenant, org string) (credential.Org, error) {
	of, err := w.core.source.Org(tenant)
	if err == nil && of.String() != org {
		err = fmt.Errorf("tenant %s: the organisation changed meanwhile; send again", tenant)
	}
	return of, err
}

// take hands the records to the worker.
func (w *incidentsWorker) take(ctx context.Context, tenant string, org credential.Org, records *incidentRecords) {
	worker := w.worker.Load()
	for _, r := range records.all {
		switch why, dropped := worker.Offer(ctx, tenant, org, r); {
		case dropped:
			records.drops.Add(why, 1)
		case r.Omitted > 0:
			w.core.telemetry.Omitted(tenant, r.Omitted)
		}
	}
}

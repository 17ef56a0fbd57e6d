package datadogoauthexporter

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/metrics"
)

// deltaState keeps the last points of cumulative series in the queue's storage while the collector does not run, so that a restart costs no
// difference. Nothing in it ever fails a start or a stop: without it each series begins with a baseline, which is counted.
//
// What was loaded is deleted before the first point is mapped. After a crash there is nothing then, rather than points that are too old, whose
// differences would count again what was sent since.
type deltaState struct {
	mapper   *metrics.Mapper
	exporter component.ID
	ttl      time.Duration // how long a series is remembered
	logger   *zap.Logger
	client   storage.Client // nil: nothing is kept
}

const (
	// deltaFile names the file. The queue's is called after the signal.
	deltaFile    = "delta_state"
	deltaHead    = "head"
	deltaSection = "section/" // and its number
	// deltaBatchBytes is how much is written in one transaction.
	deltaBatchBytes = 4 << 20
)

// open loads what the storage has. id is the queue's storage, nil for none.
func (s *deltaState) open(ctx context.Context, host component.Host, id *component.ID) {
	file := openFile(ctx, host, s.exporter, id, deltaFile)
	if file == nil {
		return
	}
	if file.failure != nil {
		s.logger.Warn("The state of cumulative series can be neither loaded nor saved; a restart costs each series one interval, counted as baseline", zap.Error(file.failure))
		return
	}
	s.client = file
	if err := s.load(ctx); err != nil {
		s.logger.Warn("The saved state of cumulative series is not used; each series begins with a baseline", zap.Error(err))
	}
	// What is left here would be in the way of what is saved later.
	if err := s.clear(ctx); err != nil {
		s.logger.Warn("Saved sections of the state of cumulative series cannot be deleted", zap.Error(err))
	}
}

func (s *deltaState) load(ctx context.Context) error {
	b, err := s.client.Get(ctx, deltaHead)
	if err != nil || b == nil {
		return err
	}
	if err := s.client.Delete(ctx, deltaHead); err != nil {
		return fmt.Errorf("delete it before use: %w", err)
	}
	head, err := metrics.ReadHead(b, s.exporter.String())
	if err != nil {
		return err
	}
	if age := time.Since(head.When); age > s.ttl {
		s.logger.Info("The saved state of cumulative series is older than metrics::delta_ttl; each series begins with a baseline", zap.Duration("age", age))
		return nil
	}
	s.mapper.Adopt(head)
	series := 0
	for i := range head.Sections {
		b, err := s.client.Get(ctx, sectionKey(i))
		n := 0
		if err == nil {
			n, err = s.mapper.Restore(head, i, b)
		}
		if err != nil {
			s.logger.Warn("Part of the saved state of cumulative series, some series of one tenant, cannot be read; these begin with a baseline", zap.Int("section", i), zap.Error(err))
		}
		series += n
	}
	s.logger.Info("Cumulative series go on where they were", zap.Int("series", series), zap.Time("saved", head.When))
	return nil
}

// clear deletes sections, from the first to where there is none.
func (s *deltaState) clear(ctx context.Context) error {
	for i := 0; ; i++ {
		b, err := s.client.Get(ctx, sectionKey(i))
		if err != nil || b == nil {
			return err
		}
		if err := s.client.Delete(ctx, sectionKey(i)); err != nil {
			return err
		}
	}
}

// close saves the state and lets go of the storage. No more points are mapped. It may come twice, and without open.
func (s *deltaState) close(ctx context.Context) {
	if s.client == nil {
		return
	}
	client := s.client
	s.client = nil
	series, err := s.save(ctx, client)
	if err != nil {
		s.logger.Warn("The state of cumulative series cannot be saved; each begins with a baseline", zap.Error(err))
	} else {
		s.logger.Info("Saved the last points of cumulative series", zap.Int("series", series))
	}
	if err := client.Close(ctx); err != nil {
		s.logger.Warn("Closing the storage of the state of cumulative series", zap.Error(err))
	}
}

// save writes sections in transactions of a few MB, and last the head, without which they are nothing.
func (s *deltaState) save(ctx context.Context, client storage.Client) (series int, err error) {
	var batch []*storage.Operation
	size := 0
	write := func(key string, value []byte) error {
		batch = append(batch, storage.SetOperation(key, value))
		if size += len(value); size < deltaBatchBytes && key != deltaHead {
			return nil
		}
		err := client.Batch(ctx, batch...)
		batch, size = batch[:0], 0
		return err
	}
	head, series, err := s.mapper.Save(s.exporter.String(), func(i int, section []byte) error {
		return write(sectionKey(i), bytes.Clone(section))
	})
	if err != nil {
		return 0, err
	}
	return series, write(deltaHead, head)
}

func sectionKey(i int) string { return deltaSection + strconv.Itoa(i) }

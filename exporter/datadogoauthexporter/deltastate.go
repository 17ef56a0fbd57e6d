package datadogoauthexporter

import (
	"bytes"
	"context"
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
	deltaHead    = "head"
	deltaSection = "section/" // and its number
	// deltaBatchBytes is about how much is written or read in one transaction, deltaBatch the most sections that are read.
	deltaBatchBytes = 4 << 20
	deltaBatch      = 256
)

// open loads what the storage has. file is nil if there is none.
func (s *deltaState) open(ctx context.Context, file *ownFile) {
	if file == nil {
		return
	}
	if file.failure != nil {
		file.health.note(file.failure)
		s.logger.Warn("The state of cumulative series can be neither loaded nor saved; a restart costs each series one interval, counted as baseline", zap.Error(file.failure))
		return
	}
	s.client = file
	head, err := s.takeHead(ctx)
	if err != nil {
		s.logger.Warn("The saved state of cumulative series is not used; each series begins with a baseline", zap.Error(err))
	}
	// Without a head they are deleted all the same: they would be in the way of what is saved later.
	if err := s.load(ctx, head); err != nil {
		s.logger.Warn("Sections of the saved state of cumulative series cannot be read and deleted; these series begin with a baseline", zap.Error(err))
	}
}

// takeHead reads and deletes the head in one transaction. It returns nil if there is none to be used.
func (s *deltaState) takeHead(ctx context.Context) (*metrics.Head, error) {
	read := storage.GetOperation(deltaHead)
	if err := s.client.Batch(ctx, read, storage.DeleteOperation(deltaHead)); err != nil || read.Value == nil {
		return nil, err
	}
	head, err := metrics.ReadHead(read.Value, s.exporter.String())
	if err != nil {
		return nil, err
	}
	if age := time.Since(head.When); age > s.ttl {
		s.logger.Info("The saved state of cumulative series is older than metrics::delta_ttl; each series begins with a baseline", zap.Duration("age", age))
		return nil, nil
	}
	return &head, nil
}

// load takes the sections of a head, which may be nil, and deletes every one that there is.
func (s *deltaState) load(ctx context.Context, head *metrics.Head) error {
	series, sections := 0, 0
	if head != nil {
		s.mapper.Adopt(*head)
		sections = head.Sections
	}
	err := s.takeSections(ctx, sections, func(i int, b []byte) {
		n, err := s.mapper.Restore(*head, i, b)
		if err != nil {
			s.logger.Warn("Part of the saved state of cumulative series, some series of one tenant, cannot be read; these begin with a baseline", zap.Int("section", i), zap.Error(err))
		}
		series += n
	})
	if head != nil {
		s.logger.Info("Cumulative series go on where they were", zap.Int("series", series), zap.Time("saved", head.When))
	}
	return err
}

// takeSections reads and deletes sections, as many in one transaction as make a few MB if they are like those before. The first ones it gives out; behind
// them it stops where there are none.
func (s *deltaState) takeSections(ctx context.Context, first int, take func(i int, b []byte)) error {
	for begin, n := 0, deltaBatch/32; ; {
		ops := make([]*storage.Operation, 0, 2*n)
		for i := begin; i < begin+n; i++ {
			ops = append(ops, storage.GetOperation(sectionKey(i)), storage.DeleteOperation(sectionKey(i)))
		}
		if err := s.client.Batch(ctx, ops...); err != nil {
			return err
		}
		found, size := 0, 0
		for i := range n {
			b := ops[2*i].Value
			if begin+i < first {
				take(begin+i, b)
			}
			if b != nil {
				found, size = found+1, size+len(b)
			}
		}
		if begin += n; found == 0 && begin >= first {
			return nil
		}
		n = min(max(deltaBatchBytes*found/max(size, 1), 1), deltaBatch)
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

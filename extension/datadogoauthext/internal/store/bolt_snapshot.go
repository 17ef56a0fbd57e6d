package store

import (
	"context"

	"go.etcd.io/bbolt"
)

var _ Snapshotter = (*Bolt)(nil)

// Snapshot implements Snapshotter. It copies everything but the streamed kinds in one read transaction and only then calls yield: a transaction
// that waits for somebody who reads slowly would in the end hold up every writer.
func (s *Bolt) Snapshot(ctx context.Context, yield func(Record) error) error {
	var all []Record
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		for _, kind := range Kinds() {
			bucket := tx.Bucket(bucketRecords).Bucket([]byte(kind))
			if bucket == nil || Streamed(kind) {
				continue
			}
			err := bucket.ForEach(func(key, stored []byte) error {
				record, err := decode(kind, string(key), stored)
				all = append(all, record)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s.failed("read all records", err)
	}
	for _, record := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := yield(record); err != nil {
			return err
		}
	}
	return snapshotStreamed(ctx, s, yield)
}

package store

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"
)

// List implements Store.
func (s *Bolt) List(ctx context.Context, kind Kind, yield func(Record) error) error {
	return s.Range(ctx, kind, Range{}, yield)
}

// Range implements Store. It copies a page of records and calls yield between transactions: a read transaction that is
// held open while yield writes can deadlock with bbolt's remapping of the file.
func (s *Bolt) Range(ctx context.Context, kind Kind, r Range, yield func(Record) error) error {
	for pages, left := 1, r.Limit; ; pages++ {
		size := listPage
		if r.Limit > 0 {
			size = min(size, left)
		}
		page := make([]Record, 0, min(size, 16))
		err := s.view(ctx, func(tx *bbolt.Tx) (err error) {
			if bucket := tx.Bucket(bucketRecords).Bucket([]byte(kind)); bucket != nil {
				page, err = appendPage(page, bucket.Cursor(), kind, r, size)
			}
			return err
		})
		if err != nil {
			return s.failed("list "+string(kind)+" records", err)
		}
		for _, record := range page {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := yield(record); err != nil {
				return err
			}
		}
		if left -= len(page); len(page) < size || r.Limit > 0 && left == 0 {
			if pages > 1 {
				_ = s.view(ctx, unmapPages)
			}
			return nil
		}
		r.advance(page[len(page)-1].Key)
	}
}

// advance makes the range begin behind a key.
func (r *Range) advance(key string) {
	if r.Back {
		r.Before = key
	} else {
		r.After = key
	}
}

// appendPage appends the first size records of a range.
func appendPage(page []Record, cursor *bbolt.Cursor, kind Kind, r Range, size int) ([]Record, error) {
	after, before := []byte(r.After), []byte(r.Before)
	next := cursor.Next
	if r.Back {
		next = cursor.Prev
	}
	for key, stored := first(cursor, after, before, r.Back); key != nil && len(page) < size; key, stored = next() {
		if len(after) > 0 && bytes.Compare(key, after) <= 0 || len(before) > 0 && bytes.Compare(key, before) >= 0 {
			break
		}
		record, err := decode(kind, string(key), stored)
		if err != nil {
			return page, err
		}
		if r.KeysOnly {
			record.Value = nil
		}
		page = append(page, record)
	}
	return page, nil
}

// first is the record with which a walk begins: the lowest above after, or with back the highest below before.
func first(cursor *bbolt.Cursor, after, before []byte, back bool) (key, stored []byte) {
	switch {
	case !back:
		key, stored = cursor.Seek(after)
		if len(after) > 0 && bytes.Equal(key, after) {
			return cursor.Next()
		}
		return key, stored
	case len(before) == 0:
		return cursor.Last()
	}
	if key, _ = cursor.Seek(before); key == nil {
		return cursor.Last()
	}
	return cursor.Prev()
}

package delivery_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/delivery"
)

func write(t *testing.T, name string, records map[string]string) {
	t.Helper()
	db, err := bbolt.Open(name, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("default"))
		for key, value := range records {
			if err == nil {
				err = b.Put([]byte(key), []byte(value))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhereItemsWaitIsReadFromTheFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	queue := filepath.Join(dir, "exporter_a__logs")
	write(t, queue, map[string]string{"qmv0": "\x08\x01", "0": delivery.ID(1).String() + delivery.ID(2).String(), "17": "x" + delivery.ID(3).String()})
	parking := filepath.Join(dir, "exporter_a__logs_parking")
	write(t, parking, map[string]string{"t/61/00": delivery.ID(3).String() + delivery.ID(4).String(), "t/61/01": delivery.ID(4).String()})
	found, err := delivery.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	first, second := record(t, found, 3, "t/61/00"), record(t, found, 4, "t/61/01")
	for id, want := range map[delivery.ID]struct {
		queued bool
		parked []string
	}{1: {true, nil}, 2: {true, nil}, 3: {true, []string{first}}, 4: {false, []string{first, second}}, 5: {false, nil}} {
		if found.Queued[id] != want.queued || !slices.Equal(found.Parked[id], want.parked) || found.Has(id) != (want.queued || want.parked != nil) {
			t.Errorf("item %d: queued %t, parked %q", id, found.Queued[id], found.Parked[id])
		}
	}
	ids, err := delivery.Damage(queue)
	if err != nil || !slices.Equal(ids, []delivery.ID{1, 2}) {
		t.Errorf("damaged %v, %v", ids, err)
	}
	if found, err = delivery.Open(dir); err != nil || found.Queued[1] && found.Queued[2] || !found.Queued[3] {
		t.Errorf("after the damage %v, %v", found, err)
	}
	if _, err := delivery.Damage(parking); err == nil {
		t.Error("a file without a queue was damaged")
	}
	write(t, parking, map[string]string{"t/61/00": delivery.ID(5).String()}) // what was there is gone, and the key used again
	if found, err = delivery.Open(dir); err != nil || record(t, found, 5, "t/61/00") == first || record(t, found, 4, "t/61/01") != second {
		t.Errorf("after a key was used again %v, %v", found, err)
	}
}

// record is the one under a key that holds an id.
func record(t *testing.T, found *delivery.Files, id delivery.ID, key string) string {
	t.Helper()
	for _, r := range found.Parked[id] {
		if strings.HasPrefix(r, "exporter_a__logs_parking "+key+" ") {
			return r
		}
	}
	t.Fatalf("item %d is in %q", id, found.Parked[id])
	return ""
}

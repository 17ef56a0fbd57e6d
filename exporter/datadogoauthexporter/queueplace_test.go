package datadogoauthexporter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// placeOf encodes a place as the queue does.
func placeOf(read, write uint64, dispatched ...uint64) []byte {
	b := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, 10)
	b = binary.LittleEndian.AppendUint64(append(b, 2<<3|1), 1000)
	if read > 0 {
		b = binary.LittleEndian.AppendUint64(append(b, 3<<3|1), read)
	}
	if write > 0 {
		b = binary.LittleEndian.AppendUint64(append(b, 4<<3|1), write)
	}
	if len(dispatched) > 0 {
		b = append(b, 5<<3|2, byte(8*len(dispatched)))
		for _, number := range dispatched {
			b = binary.LittleEndian.AppendUint64(b, number)
		}
	}
	return b
}

func TestThePlaceOfAQueueIsJudged(t *testing.T) {
	t.Parallel()
	holds := func(keys ...string) (k queueKeys) {
		for _, key := range keys {
			k.see([]byte(key))
		}
		return k
	}
	for name, c := range map[string]struct {
		keys  queueKeys
		place []byte
		says  string // "" if it is good
	}{
		"a new queue":                           {holds(), nil, ""},
		"one whose requests are unreadable":     {holds("unreadable/0"), nil, ""},
		"an empty one":                          {holds(placeKey), placeOf(9, 9), ""},
		"at the first request":                  {holds(placeKey, "0"), placeOf(0, 1), ""},
		"requests that wait":                    {holds(placeKey, "8", "9"), placeOf(8, 10), ""},
		"requests that consumers have":          {holds(placeKey, "7", "8", "9"), placeOf(9, 10, 7, 8), ""},
		"numbers of requests that were refused": {holds(placeKey, "8"), placeOf(8, 1000), ""},
		"a storage of which nothing is known":   {queueKeys{}, placeOf(8, 10), ""},
		"a queue of an older version":           {holds("ri", "wi", "0"), nil, ""},
		"none, though there are requests":       {holds("qmv1", "7", "8"), nil, "missing, and there are 2 requests"},
		"one that is empty":                     {holds(placeKey, "7"), []byte{}, "missing, and there are 1 requests"},
		"foreign bytes":                         {holds(placeKey), []byte("damaged\xff\xff"), "damaged"},
		"cut off":                               {holds(placeKey), placeOf(8, 10)[:20], "damaged"},
		"past the end":                          {holds(placeKey), placeOf(11, 10), "damaged"},
		"far before the end":                    {holds(placeKey), placeOf(8, 10|1<<40), "damaged"},
		"without the number to be read":         {holds(placeKey), placeOf(0, 1<<40), "damaged"},
		"a consumer of what is not there yet":   {holds(placeKey), placeOf(9, 10, 7, 10), "damaged"},
		"before a request that is there":        {holds(placeKey, "8", "90"), placeOf(8, 10), "before request 90"},
		"another number of a field":             {holds(placeKey), bytes.Replace(placeOf(9, 10), []byte{3<<3 | 1}, []byte{7<<3 | 1}, 1), "damaged"},
		"one field twice":                       {holds(placeKey), bytes.Replace(placeOf(9, 10), []byte{3<<3 | 1}, []byte{4<<3 | 1}, 1), "damaged"},
	} {
		err := c.keys.judge(c.place)
		if (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
	}
}

// TestAFlippedBitOfThePlace flips each bit. What is not seen makes no queue begin over what is there, nor look for more than 67 million that are not.
func TestAFlippedBitOfThePlace(t *testing.T) {
	t.Parallel()
	var k queueKeys
	for number := range uint64(10) {
		k.see([]byte(strconv.FormatUint(100+number, 10)))
	}
	place := placeOf(105, 110, 100, 101, 102, 103, 104)
	seen := 0
	for i := range len(place) * 8 {
		damaged := bytes.Clone(place)
		damaged[i/8] ^= 1 << (i % 8)
		if k.judge(damaged) != nil {
			seen++
			continue
		}
		if p, _ := readPlace(damaged); p.write < 110 || p.read > p.write || p.write-p.read > 1<<26 {
			t.Errorf("bit %d: %+v passes", i, p)
		}
	}
	t.Logf("%d of %d flipped bits are seen", seen, 8*len(place))
}

// TestThePlaceInTheQueueContradictsItself flips a bit after which the place is one still, and is past the end. The queue looks for items without end, under
// its lock, in which nobody stores one. After a thousand it is given up here.
func TestThePlaceInTheQueueContradictsItself(t *testing.T) {
	t.Parallel()
	both(t, func(w *window) (lost int) {
		const key = "logs/" + placeKey
		values := w.dispatched("first record", "second record")
		right := values[key]
		p, ok := readPlace(right)
		damaged := bytes.Replace(right, binary.LittleEndian.AppendUint64([]byte{3<<3 | 1}, p.read), binary.LittleEndian.AppendUint64([]byte{3<<3 | 1}, p.read|1<<62), 1)
		if !ok || p.read != 2 || bytes.Equal(damaged, right) {
			w.t.Fatalf("the place is %+v: %x", p, right)
		}
		values[key] = damaged
		s := shelf(values)
		looked := 0 // guarded by the mutex of frail
		s.failing(func(ops []*storage.Operation) error {
			for _, op := range ops {
				number, err := strconv.ParseUint(op.Key, 10, 64)
				if err != nil || number < 1<<60 || op.Type != storage.Get {
					continue
				}
				if looked++; looked > 1000 {
					runtime.Goexit() // ends the consumer
				}
			}
			return nil
		})
		e := w.on(s, time.Millisecond)
		endless := func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return looked > 1000
		}
		within(w.t, func() bool { return endless() || e.queue.trouble() != nil })
		if endless() {
			_ = e.Shutdown(context.Background())
			return 2
		}
		if err := send(e, "a later record"); err == nil || !strings.Contains(err.Error(), "takes nothing until the next start: the place in the queue is damaged") {
			w.t.Errorf("a queue that is damaged takes data: %v", err)
		}
		w.stop(e)
		s.values[key] = right
		return 2 - len(w.delivers(s, "first record", "second record"))
	})
}

// TestThePlaceInTheQueueIsMissing damages the key of the place in a file of file_storage, and mends it later unless the queue made another one.
func TestThePlaceInTheQueueIsMissing(t *testing.T) {
	t.Parallel()
	both(t, func(w *window) (lost int) {
		values := w.dispatched("first record", "second record")
		dir := w.t.TempDir()
		file := filepath.Join(dir, queueFile)
		inFile(w.t, file, func(b *bbolt.Bucket) error {
			for key, value := range values {
				if key, ok := strings.CutPrefix(key, "logs/"); ok {
					if key == placeKey {
						key = "qmv1"
					}
					if err := b.Put([]byte(key), value); err != nil {
						return err
					}
				}
			}
			return nil
		})
		w.d.answers(func(received, http.Header) int { return http.StatusServiceUnavailable })
		files := openFiles(w.t, dir).(storage.Extension)
		e := w.on(files, time.Hour)
		err := send(e, "a later record")
		if w.guarded && (err == nil || !strings.Contains(err.Error(), "takes nothing until the next start: the place in the queue is missing, and there are 2 requests")) {
			w.t.Errorf("a queue that is damaged takes data: %v", err)
		}
		_ = e.Shutdown(context.Background())
		inFile(w.t, file, func(b *bbolt.Bucket) error {
			if b.Get([]byte(placeKey)) != nil {
				return nil
			}
			return b.Put([]byte(placeKey), values["logs/"+placeKey])
		})
		return 2 - len(w.delivers(files, "first record", "second record"))
	})
}

// inFile changes a file as file_storage makes one.
func inFile(t *testing.T, name string, change func(*bbolt.Bucket) error) {
	t.Helper()
	db, err := bbolt.Open(name, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte("default"))
		if err != nil {
			return err
		}
		return change(b)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestAnItemWhoseKeyIsDamagedIsMissed is the window that stays: to the queue its number is one that was refused for want of room. Its neighbours arrive.
func TestAnItemWhoseKeyIsDamagedIsMissed(t *testing.T) {
	t.Parallel()
	play := func(w *window) (lost int) {
		values := maps.Clone(w.dispatched("first record", "second record"))
		for key, value := range values {
			if bytes.Contains(value, []byte("first record")) {
				delete(values, key)
				values[strings.Replace(key, "/", "/\xb1", 1)] = value
			}
		}
		texts := []string{"first record", "second record"}
		got := w.delivers(shelf(values), texts...)
		if len(got) > 0 && got[0] != texts[1] || len(got) > 1 {
			w.t.Errorf("arrived: %q", got)
		}
		return len(texts) - len(got)
	}
	unguarded(t, play)
	if lost := play(newWindow(t, true)); lost != 1 {
		t.Errorf("%d records are lost with the guard: if it is none, take it off docs/durability.md", lost)
	}
}

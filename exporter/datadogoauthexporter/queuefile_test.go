package datadogoauthexporter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// items are the keys of the queue's items in a storage.
func items(s *frail) (keys []string) {
	s.memoryStorage.mu.Lock()
	defer s.memoryStorage.mu.Unlock()
	for key := range s.values {
		if number, ok := strings.CutPrefix(key, "logs/"); ok && strings.Trim(number, "0123456789") == "" {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// snapshot is what is stored at the moment.
func snapshot(s *frail) map[string][]byte {
	s.memoryStorage.mu.Lock()
	defer s.memoryStorage.mu.Unlock()
	return maps.Clone(s.values)
}

// asOfNewer makes a stored request one of a later form.
func asOfNewer(stored []byte) []byte {
	content := bytes.Clone(stored[:len(stored)-4])
	content[3] = 9
	return binary.LittleEndian.AppendUint32(content, crc32.Checksum(content, crc32.MakeTable(crc32.Castagnoli)))
}

// TestWhatANewerVersionStoredIsLeftAlone starts on queues with one item of a later form, which nobody or a consumer has taken out: it takes and deletes
// nothing. Once the item is readable all of them arrive.
func TestWhatANewerVersionStoredIsLeftAlone(t *testing.T) {
	t.Parallel()
	texts := []string{"first record", "second record", "third record"}
	for name, c := range map[string]struct {
		store func(*window) map[string][]byte
		texts []string
	}{
		"waiting":   {func(w *window) map[string][]byte { return stored(w.t, texts[0]) }, texts[:1]},
		"taken out": {func(w *window) map[string][]byte { return w.dispatched(texts...) }, texts},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWindow(t, true)
			w.d.answers(nil)
			s := shelf(c.store(w))
			before := items(s)
			readable := s.values[before[0]]
			s.values[before[0]] = asOfNewer(readable)
			for range 2 {
				e := w.on(s, time.Millisecond)
				within(t, func() bool { return e.queue.trouble() != nil })
				if err := send(e, "a later record"); !errors.Is(err, errStorage) || !strings.Contains(err.Error(), "a newer version of this exporter") {
					t.Errorf("the sender is told: %v", err)
				}
				w.stop(e)
			}
			if got := items(s); !slices.Equal(got, before) {
				t.Errorf("the queue has the items %v, want %v", got, before)
			}
			if len(w.d.got) > 0 {
				t.Errorf("sent: %v", <-w.d.got)
			}
			s.values[before[0]] = readable
			if got := w.delivers(s, c.texts...); len(got) != len(c.texts) {
				t.Errorf("arrived later: %q", got)
			}
		})
	}
}

// TestANewerVersionsRequestAndTheQueueByItself has a request of a later form that waits, and makes it readable in the end.
func TestANewerVersionsRequestAndTheQueueByItself(t *testing.T) {
	t.Parallel()
	both(t, func(w *window) (lost int) {
		s := shelf(stored(w.t, "a record"))
		item := items(s)[0]
		readable := s.values[item]
		s.values[item] = asOfNewer(readable)
		e := w.on(s, time.Millisecond)
		within(w.t, func() bool { return e.queue.trouble() != nil || len(items(s)) == 0 })
		w.stop(e)
		if len(items(s)) == 0 {
			return 1
		}
		s.values[item] = readable
		return 1 - len(w.delivers(s, "a record"))
	})
}

// TestWhatCannotBeReadIsKept damages more items than are kept, some of which consumers had, over several starts.
func TestWhatCannotBeReadIsKept(t *testing.T) {
	t.Parallel()
	w := newWindow(t, true)
	values := map[string][]byte{}
	var gone [][]byte
	for start := range 3 {
		s := shelf(values)
		w.d.answers(nil)
		var texts []string
		for i := range 8 {
			texts = append(texts, fmt.Sprintf("record %d of start %d", i, start))
		}
		for key, value := range w.dispatched(texts...) {
			if number := strings.TrimPrefix(key, "logs/"); strings.Trim(number, "0123456789") == "" && len(value) > 0 && !bytes.Contains(value, []byte("record 7 of")) {
				value = append(bytes.Clone(value), "damaged"...)
				gone = append(gone, value)
			}
			s.values[key] = value
		}
		if got := w.delivers(s, texts...); !slices.Equal(got, texts[7:]) {
			t.Errorf("arrived: %q", got)
		}
		values = snapshot(s)
		if left := items(s); len(left) > 0 {
			t.Errorf("in the queue are still %v", left)
		}
		kept := 0
		for i := range 2 * maxUnreadable {
			if value := values["logs/"+unreadablePrefix+strconv.Itoa(i)]; value != nil {
				kept++
				if !slices.ContainsFunc(gone, func(b []byte) bool { return bytes.Equal(b, value) }) {
					t.Errorf("kept is %q", value)
				}
			}
		}
		if want := min(7*(start+1), maxUnreadable); kept != want {
			t.Errorf("start %d: %d are kept, want %d", start, kept, want)
		}
	}
}

// TestWhatCannotBeDeletedIsDeletedLater fails each deletion for a while, as a full disk does, in which everything is delivered.
func TestWhatCannotBeDeletedIsDeletedLater(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func(*window, *logsExporter, *frail){
		"with a later write": func(w *window, e *logsExporter, s *frail) {
			if err := send(e, "a later record"); err != nil {
				w.t.Fatal(err)
			}
			within(w.t, func() bool { return len(items(s)) == 0 })
		},
		"with the stop": func(*window, *logsExporter, *frail) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWindow(t, true)
			s := shelf(map[string][]byte{})
			e, tel := w.measured(s)
			s.failing(func(ops []*storage.Operation) error {
				if slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type == storage.Delete }) {
					return errors.New("no space left on device")
				}
				return nil
			})
			const n = 20
			for i := range n {
				if err := send(e, fmt.Sprint("record ", i)); err != nil {
					t.Fatal(err)
				}
			}
			within(t, func() bool { return accounts(t, tel).Of("logs").Delivered == n && doomed(e) == n })
			s.failing(nil)
			after(w, e, s)
			w.stop(e)
			if left := items(s); len(left) > 0 {
				t.Errorf("%d items are left of %d: %v", len(left), n, left)
			}
		})
	}
}

// TestAQueueByItselfForgetsWhatItCannotDelete plays that window both ways: what is lost is the room in the file.
func TestAQueueByItselfForgetsWhatItCannotDelete(t *testing.T) {
	t.Parallel()
	both(t, func(w *window) (lost int) {
		s := shelf(map[string][]byte{})
		e := w.on(s, time.Millisecond)
		var failed atomic.Int64
		s.failing(func(ops []*storage.Operation) error {
			if slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type == storage.Delete }) {
				failed.Add(1)
				return errors.New("no space left on device")
			}
			return nil
		})
		if err := send(e, "a record"); err != nil {
			w.t.Fatal(err)
		}
		w.d.await(w.t, 1)
		within(w.t, func() bool { return failed.Load() >= 2 }) // with the note of it, and alone
		s.failing(nil)
		if err := send(e, "a later record"); err != nil {
			w.t.Fatal(err)
		}
		w.d.await(w.t, 1)
		w.stop(e)
		return len(items(s))
	})
}

func doomed(e *logsExporter) int {
	b := &e.queue.client.Load().behind
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.doomed)
}

// TestAReadIsTriedAgain lets the file fail for a while when an item is read: the item is sent, nothing is deleted unread, meanwhile calls are refused, and the
// figures say so.
func TestAReadIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, lasts := range map[string]time.Duration{"for a while": time.Minute, "for longer than the patience": 50 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			heals := lasts == time.Minute
			w := newWindow(t, true)
			s := shelf(map[string][]byte{})
			e, tel := w.measured(s)
			e.queue.client.Load().lasts = lasts
			s.failing(func(ops []*storage.Operation) error {
				if slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type == storage.Get }) {
					return errors.New("input/output error")
				}
				return nil
			})
			if err := send(e, "first record"); err != nil {
				t.Fatal(err)
			}
			within(t, func() bool { return e.queue.trouble() != nil })
			if err := send(e, "refused record"); !errors.Is(err, errStorage) || !strings.Contains(err.Error(), "input/output error") {
				t.Errorf("the sender is told: %v", err)
			}
			if !heals {
				within(t, func() bool { return e.queue.client.Load().closed.Load() != nil })
			}
			s.failing(nil)
			if got := failing(t, tel); got["queue"] != 1 || got["parking"] != 0 {
				t.Errorf("failing: %v", got)
			}
			if n := counted(t, tel, "refused_items", "logs", "storage"); n != 1 {
				t.Errorf("%d are refused for the storage's sake", n)
			}
			if heals {
				within(t, func() bool { return e.queue.trouble() == nil })
				if err := send(e, "second record"); err != nil {
					t.Error(err)
				}
				within(t, func() bool { return accounts(t, tel).Of("logs").Delivered == 2 })
			} else if err := send(e, "refused record"); err == nil || !strings.Contains(err.Error(), "until the next start") {
				t.Errorf("the sender is told later: %v", err)
			}
			w.stop(e)
			if left := len(items(s)); heals != (left == 0) {
				t.Errorf("%d items are left", left)
			}
			if !heals {
				if got := w.delivers(s, "first record"); len(got) != 1 {
					t.Error("the next start does not find it")
				}
			}
		})
	}
}

// TestAQueueByItselfDeletesWhatItCannotReadAtOnce fails the first two reads of an item.
func TestAQueueByItselfDeletesWhatItCannotReadAtOnce(t *testing.T) {
	t.Parallel()
	both(t, func(w *window) (lost int) {
		s := shelf(stored(w.t, "a record"))
		failed := 0
		s.failing(func(ops []*storage.Operation) error {
			if failed < 2 && slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type == storage.Get && op.Key == "0" }) {
				failed++
				return errors.New("input/output error")
			}
			return nil
		})
		return 1 - len(w.delivers(s, "a record"))
	})
}

// measured starts an exporter with telemetry.
func (w *window) measured(s storage.Extension) (*logsExporter, *componenttest.Telemetry) {
	w.t.Helper()
	w.h.extensions[shelfID] = s
	w.cfg.Queue.Get().Batch.Get().FlushTimeout = time.Millisecond
	set, tel := settings(w.t)
	e, err := createLogs(w.t.Context(), set, w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := e.Start(w.t.Context(), w.h); err != nil {
		w.t.Fatal(err)
	}
	return e.(*logsExporter), tel
}

// failing is the gauge of files that fail, by what they are for.
func failing(t *testing.T, tel *componenttest.Telemetry) map[string]int64 {
	t.Helper()
	m, err := tel.GetMetric("otelcol_exporter_datadogoauth_storage_failing")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]int64{}
	for _, p := range m.Data.(metricdata.Gauge[int64]).DataPoints {
		file, _ := p.Attributes.Value("file")
		files[file.AsString()] = p.Value
	}
	return files
}

package datadogoauthexporter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// These are the windows in which exporterhelper's queue (v0.160.0) loses what was acknowledged; docs/durability.md lists them. Each test plays one of
// them twice: as the queue is, which must lose, so that the list is shortened when it does not any more; and as the exporter runs it.

// frail is a storage whose queue of logs fails when fails says so. It counts the changes.
type frail struct {
	*memoryStorage
	mu      sync.Mutex
	changes int                                       // guarded by mu
	fails   func(ops []*storage.Operation) error      // guarded by mu; nil never fails
	opens   func(name string) (storage.Client, error) // nil opens
}

type frailClient struct {
	storage.Client
	*frail
}

func (s *frail) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	if s.opens != nil && name == "logs" {
		return s.opens(name)
	}
	c, err := s.memoryStorage.GetClient(ctx, kind, id, name)
	if name != "logs" {
		return c, err
	}
	return frailClient{c, s}, err
}

func (c frailClient) Get(ctx context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.Batch(ctx, op)
	return op.Value, err
}

func (c frailClient) Set(ctx context.Context, key string, value []byte) error {
	return c.Batch(ctx, storage.SetOperation(key, value))
}

func (c frailClient) Delete(ctx context.Context, key string) error {
	return c.Batch(ctx, storage.DeleteOperation(key))
}

func (c frailClient) Close(ctx context.Context) error { return c.Client.Close(ctx) }

func (c frailClient) Batch(ctx context.Context, ops ...*storage.Operation) error {
	c.frail.mu.Lock()
	defer c.frail.mu.Unlock()
	if c.fails != nil {
		if err := c.fails(ops); err != nil {
			return err
		}
	}
	if changes(ops) {
		c.changes++
	}
	return c.Client.Batch(ctx, ops...)
}

func changes(ops []*storage.Operation) bool {
	return slices.ContainsFunc(ops, func(op *storage.Operation) bool { return op.Type != storage.Get })
}

func (s *frail) made() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changes
}

// failing sets what fails from now on.
func (s *frail) failing(f func([]*storage.Operation) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = f
}

// dieAfter lets n changes happen; of what comes then nothing does, as after kill -9.
func (s *frail) dieAfter(n int) {
	s.failing(func(ops []*storage.Operation) error {
		if changes(ops) && s.changes >= n {
			return errors.New("killed")
		}
		return nil
	})
}

// shelf is a copy of what was stored.
func shelf(values map[string][]byte) *frail {
	return &frail{memoryStorage: &memoryStorage{values: maps.Clone(values)}}
}

// window is one exporter of logs after another on a storage.
type window struct {
	t       *testing.T
	d       *datadog
	h       *host
	cfg     *Config
	guarded bool // as the exporter runs its queue; else the queue as it is
}

var shelfID = component.MustNewID("test_storage")

func newWindow(t *testing.T, guarded bool) *window {
	d, h := twoSites(t)
	cfg := d.config()
	cfg.Queue.Get().StorageID = &shelfID
	cfg.Retry.MaxElapsedTime = 50 * time.Millisecond
	return &window{t, d, h, cfg, guarded}
}

// on starts an exporter whose batches stay open for a while.
func (w *window) on(s storage.Extension, open time.Duration) *logsExporter {
	w.t.Helper()
	w.h.extensions[shelfID] = s
	w.cfg.Queue.Get().Batch.Get().FlushTimeout = open
	set, _ := settings(w.t)
	made, err := createLogs(context.Background(), set, w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	e := made.(*logsExporter)
	e.patientFor = 20 * time.Millisecond
	if w.guarded {
		err = e.Start(context.Background(), w.h)
	} else if err = e.start(context.Background(), w.h); err == nil {
		err = e.next.Start(context.Background(), w.h)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return e
}

// send hands over one record in a call of its own.
func send(e *logsExporter, text string) error {
	d := plog.NewLogs()
	rl := d.ResourceLogs().AppendEmpty()
	mark(rl.Resource().Attributes(), "acme")
	rl.ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr(text)
	return e.ConsumeLogs(context.Background(), d)
}

func (w *window) stop(e *logsExporter) {
	w.t.Helper()
	if err := e.Shutdown(context.Background()); err != nil {
		w.t.Fatal(err)
	}
}

// delivers starts an exporter on what is stored, waits a little longer than for the texts, and says which of them arrived.
func (w *window) delivers(s storage.Extension, texts ...string) (arrived []string) {
	w.t.Helper()
	w.d.answers(nil)
	e := w.on(s, time.Millisecond)
	defer w.stop(e)
	late := time.After(500 * time.Millisecond)
	for len(arrived) < len(texts) {
		select {
		case r := <-w.d.got:
			for _, text := range texts {
				if strings.Contains(r.body, text) && !slices.Contains(arrived, text) {
					arrived = append(arrived, text)
				}
			}
		case <-late:
			return arrived
		}
	}
	return arrived
}

// both plays a window without the guard and with it.
func both(t *testing.T, play func(*window) (lost int)) {
	t.Helper()
	unguarded(t, play)
	if lost := play(newWindow(t, true)); lost > 0 {
		t.Errorf("%d acknowledged records were lost", lost)
	}
}

// unguarded plays a window without the guard.
func unguarded(t *testing.T, play func(*window) (lost int)) {
	t.Helper()
	if lost := play(newWindow(t, false)); lost == 0 {
		t.Error("the queue loses nothing by itself: take the window off the list in docs/durability.md, and its guard away")
	}
}

// dispatched is what is stored while some records wait in an open batch.
func (w *window) dispatched(texts ...string) map[string][]byte {
	w.t.Helper()
	s := shelf(nil)
	s.values = map[string][]byte{}
	e := w.on(s, time.Hour)
	begin := s.made()
	for _, text := range texts {
		if err := send(e, text); err != nil {
			w.t.Fatal(err)
		}
	}
	w.changed(s, begin+2*len(texts)) // each is put, and taken out
	s.memoryStorage.mu.Lock()
	values := maps.Clone(s.values)
	s.memoryStorage.mu.Unlock()
	w.stop(e)
	for len(w.d.got) > 0 {
		<-w.d.got
	}
	return values
}

// changed waits until so many changes were made.
func (w *window) changed(s *frail, n int) {
	w.t.Helper()
	for deadline := time.Now().Add(5 * time.Second); s.made() < n; time.Sleep(time.Millisecond) { // the queue's own goroutines make them
		if time.Now().After(deadline) {
			w.t.Fatalf("%d changes of %d", s.made(), n)
		}
	}
}

// TestAKillInTheStart ends the process after each change that the start of the queue makes.
func TestAKillInTheStart(t *testing.T) {
	t.Parallel()
	both(t, func(w *window) (lost int) {
		texts := []string{"first record", "second record", "third record", "fourth record"}
		stored := w.dispatched(texts...)
		for n := range 2*len(texts) + 1 { // each is written anew, and then taken out
			s := shelf(stored)
			s.dieAfter(n)
			w.d.answers(func(received, http.Header) int { return http.StatusServiceUnavailable }) // a dead process delivers nothing
			e := w.on(s, time.Hour)
			w.changed(s, n)
			s.dieAfter(0)
			dead := maps.Clone(s.values)
			_ = e.Shutdown(context.Background())
			items := 0
			for key := range dead {
				if number, ok := strings.CutPrefix(key, "logs/"); ok && strings.Trim(number, "0123456789") == "" {
					items++
				}
			}
			if w.guarded && items > len(texts) {
				t.Errorf("after %d changes %d items are stored, some of them twice", n, items)
			}
			lost += len(texts) - len(w.delivers(shelf(dead), texts...))
		}
		return lost
	})
}

// stored is a queue with one record that nobody has taken out.
func stored(t *testing.T, text string) map[string][]byte {
	t.Helper()
	body := []byte(fmt.Sprintf(`{"message":%q}`, text))
	org, err := newWindow(t, true).h.grants.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	r := intake.NewRequest("acme", org.String(), intake.Logs, intake.Payload{Body: body, Items: []intake.Item{{End: uint32(len(body)), Count: 1}}})
	form, err := intake.Encoding{}.Marshal(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	s := newStorage()
	s.fill(string(form))
	return s.values
}

// TestNoRoomForTheNoteOfWhatIsTakenOut fails the first note.
func TestNoRoomForTheNoteOfWhatIsTakenOut(t *testing.T) {
	t.Parallel()
	both(t, func(w *window) (lost int) {
		s := shelf(stored(w.t, "a record"))
		failed := false
		s.failing(func(ops []*storage.Operation) error {
			if !failed && len(ops) == 2 && ops[0].Type == storage.Set && ops[1].Type == storage.Get {
				failed = true
				return errors.New("no space left on device")
			}
			return nil
		})
		return 1 - len(w.delivers(s, "a record"))
	})
}

// TestThePlaceInTheQueueCannotBeRead fails the first operation of a start as often as it is tried, and sends then. Another start finds what there was.
func TestThePlaceInTheQueueCannotBeRead(t *testing.T) {
	t.Parallel()
	withoutAPlace(t, "input/output error", func(s *frail) (mend func()) {
		s.failing(func(ops []*storage.Operation) error {
			if len(ops) == 1 && ops[0].Type == storage.Get && ops[0].Key == placeKey {
				return errors.New("input/output error")
			}
			return nil
		})
		return func() {}
	})
}

// TestThePlaceInTheQueueIsDamaged does the same with bytes that are none of the queue's, until somebody puts the right ones back.
func TestThePlaceInTheQueueIsDamaged(t *testing.T) {
	t.Parallel()
	withoutAPlace(t, "the place in the queue is damaged", func(s *frail) (mend func()) {
		const key = "logs/" + placeKey
		right, damaged := s.values[key], []byte("damaged\xff\xff")
		s.values[key] = damaged
		return func() {
			if bytes.Equal(s.values[key], damaged) {
				s.values[key] = right
			}
		}
	})
}

func withoutAPlace(t *testing.T, says string, breaks func(*frail) (mend func())) {
	both(t, func(w *window) (lost int) {
		s := shelf(w.dispatched("first record", "second record"))
		mend := breaks(s)
		w.d.answers(func(received, http.Header) int { return http.StatusServiceUnavailable })
		e := w.on(s, time.Hour)
		err := send(e, "a later record")
		if w.guarded && (err == nil || !strings.Contains(err.Error(), "takes nothing until the next start: "+says)) {
			w.t.Errorf("a queue that cannot be read takes data: %v", err)
		}
		s.dieAfter(0)
		mend()
		dead := maps.Clone(s.values)
		_ = e.Shutdown(context.Background())
		return 2 - len(w.delivers(shelf(dead), "first record", "second record"))
	})
}

// damagedClient panics, as bbolt does where a page is none.
type damagedClient struct{ storage.Client }

func (damagedClient) Get(context.Context, string) ([]byte, error) { panic("page 7: invalid page") }

func (damagedClient) Batch(context.Context, ...*storage.Operation) error {
	panic("page 7: invalid page")
}

func (damagedClient) Close(context.Context) error { return nil }

// TestAQueueThatCannotBeOpenedRefusesAndSaysWhy starts on files that are damaged: other signals go on, and this one is told.
func TestAQueueThatCannotBeOpenedRefusesAndSaysWhy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		opens func(string) (storage.Client, error)
		want  string
	}{
		"no database":       {func(string) (storage.Client, error) { return nil, errors.New("invalid database") }, "invalid database"},
		"a panic":           {func(string) (storage.Client, error) { panic("freelist: invalid page") }, "the storage is damaged: freelist"},
		"a panic afterward": {func(string) (storage.Client, error) { return damagedClient{}, nil }, "the storage is damaged: page 7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWindow(t, true)
			s := shelf(map[string][]byte{})
			s.opens = c.opens
			e := w.on(s, time.Millisecond)
			defer w.stop(e)
			for range 3 {
				err := send(e, "a record")
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "exporter_datadogoauth_"+e.set.ID.Name()+"_logs") {
					t.Errorf("the sender is told: %v", err)
				}
			}
		})
	}
}

// TestTheOldPlaceIsGivenUpInTheEnd starts with an item that cannot be read, and leaves nothing behind of it.
func TestTheOldPlaceIsGivenUpInTheEnd(t *testing.T) {
	t.Parallel()
	w := newWindow(t, true)
	values := w.dispatched("first record", "second record")
	for key, value := range values {
		if bytes.Contains(value, []byte("first record")) {
			values[key] = []byte("foreign")
		}
	}
	s := shelf(values)
	if got := w.delivers(s, "second record"); len(got) != 1 {
		t.Errorf("arrived: %q", got)
	}
	for key, value := range s.values {
		if key != "logs/qmv0" && key != "logs/"+unreadablePrefix+"0" && len(value) > 0 && strings.HasPrefix(key, "logs/") {
			t.Errorf("%s is left: %q", key, value)
		}
	}
}

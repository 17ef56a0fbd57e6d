package incidents

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/credential"
	"github.com/datadogoauth/otelcol-datadogoauth/exporter/datadogoauthexporter/internal/intake"
)

// Observer is told what becomes of records. It is called from many goroutines.
type Observer interface {
	Delivered(f intake.Family, items int)
	Dropped(f intake.Family, why intake.Reason, items int)
	Expired(f intake.Family, items int)
	// Omitted is told of values of a tenant's records that are left out.
	Omitted(tenant string, values int)
}

// Settings are what a Worker needs.
type Settings struct {
	Source  credential.Source
	Journal credential.Journal
	// Base carries TLS and proxy settings. It adds no credential.
	Base      http.RoundTripper
	UserAgent string
	// Timeout bounds one call.
	Timeout time.Duration
	// SearchFor is how long an incident is searched for whose creation had no clear answer.
	SearchFor time.Duration
	// RetryWithoutFields makes a call once more without fields when Datadog finds it invalid.
	RetryWithoutFields bool
	// MaxAge is how old a record may be when it is brought to Datadog, 0 for any age.
	MaxAge time.Duration
	// Remember is how long a key is known after its last change.
	Remember time.Duration
	Observer Observer
	// Board is told of calls that say something about an incident. It may be nil.
	Board  intake.Board
	Logger *zap.Logger
}

const (
	firstRetry   = 5 * time.Second
	longestRetry = time.Minute
	// scanEvery is how often the journal is looked through for entries that nobody works on.
	scanEvery = time.Minute
	// maxCalls is how many organisations are called at a time.
	maxCalls = 8
	// maxTasks bounds what one process works on.
	maxTasks = 10_000
	// persistFor bounds the attempts to write down an answer.
	persistFor = 20 * time.Second
	// releaseFor bounds what a stop takes besides.
	releaseFor = 2 * time.Second
)

// Worker brings what the journal says to Datadog. It is safe for concurrent use.
type Worker struct {
	set   Settings
	owner string
	kick  chan struct{}
	stop  context.CancelFunc
	ended chan struct{}

	mu    sync.Mutex // guards everything below
	tasks map[address]*task
	busy  map[credential.Org]bool      // organisations that are called at the moment
	rests map[credential.Org]time.Time // until when their API asked to wait
	told  map[credential.Org]time.Time // when a failure of theirs was last logged
	held  []held                       // what the journal could not take, oldest first
	over  bool                         // nothing is held any more
	found figures
}

// address is where an incident is in the journal.
type address struct {
	org credential.Org
	key string
}

// task is an entry with something left to do.
type task struct {
	due     time.Time
	waiting int // records, when it was last read
}

// figures are what the last look through the journal found.
type figures struct{ open, unknown int }

// Figures are numbers of this moment.
type Figures struct {
	// Waiting counts the records that this process is to bring to Datadog.
	Waiting int
	// Open and Unknown count incidents of all processes, by the last look through the journal.
	Open, Unknown int
}

// New returns a Worker that does nothing yet.
func New(set Settings) *Worker {
	return &Worker{set: set, owner: rand.Text(), kick: make(chan struct{}, 1), tasks: map[address]*task{}, busy: map[credential.Org]bool{}, rests: map[credential.Org]time.Time{}, told: map[credential.Org]time.Time{}}
}

// Figures returns the numbers of this moment.
func (w *Worker) Figures() Figures {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := Figures{Waiting: len(w.held), Open: w.found.open, Unknown: w.found.unknown}
	for _, t := range w.tasks {
		f.Waiting += t.waiting
	}
	return f
}

// Start begins to work. It waits for nothing.
func (w *Worker) Start() {
	ctx, stop := context.WithCancel(context.Background())
	w.stop, w.ended = stop, make(chan struct{})
	go func() {
		defer close(w.ended)
		w.loop(ctx)
		w.release()
	}()
}

// Stop ends the work: what is left stays in the journal. It may come without Start, and twice.
func (w *Worker) Stop(ctx context.Context) error {
	if w.stop == nil {
		return nil
	}
	w.stop()
	select {
	case <-w.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *Worker) loop(ctx context.Context) {
	var calls sync.WaitGroup
	defer calls.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	nextScan := time.Now()
	var nextNote time.Time
	for {
		now := time.Now()
		if !now.Before(nextScan) {
			nextScan = now.Add(scanEvery)
			if err := w.scan(ctx); err != nil {
				nextScan = now.Add(firstRetry)
				if !errors.Is(err, credential.ErrNotReady) && ctx.Err() == nil {
					w.set.Logger.Warn("The journal of incidents cannot be read; trying again", zap.Error(err))
				}
			}
		}
		if !time.Now().Before(nextNote) && w.note(ctx) {
			nextNote = time.Now().Add(firstRetry)
		}
		wake := w.begin(time.Now(), func(at address) {
			calls.Go(func() {
				w.work(ctx, at)
				w.nudge()
			})
		})
		if wake.IsZero() || nextScan.Before(wake) {
			wake = nextScan
		}
		if nextNote.After(time.Now()) && nextNote.Before(wake) {
			wake = nextNote
		}
		timer.Reset(time.Until(wake))
		select {
		case <-ctx.Done():
			return
		case <-w.kick:
		case <-timer.C:
		}
	}
}

// release lets another process take over at once.
func (w *Worker) release() {
	ctx, cancel := context.WithTimeout(context.Background(), releaseFor)
	defer cancel()
	w.note(ctx)
	w.letGo()
	w.mu.Lock()
	tasks := slices.Collect(maps.Keys(w.tasks))
	w.mu.Unlock()
	for _, at := range tasks {
		_, _ = w.change(ctx, at, func(e *entry) bool { // it is taken over in the end
			mine := e.Owner == w.owner
			if mine {
				e.Owner = ""
			}
			return mine
		})
	}
}

// nudge makes the loop look again.
func (w *Worker) nudge() {
	select {
	case w.kick <- struct{}{}:
	default: // it is about to look anyway
	}
}

// begin calls run for each task that is due, one of an organisation at a time, and returns when the next one is due.
func (w *Worker) begin(now time.Time, run func(address)) (next time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	maps.DeleteFunc(w.rests, func(_ credential.Org, until time.Time) bool { return !until.After(now) })
	for at, t := range w.tasks {
		due := laterOf(t.due, w.rests[at.org])
		switch {
		case w.busy[at.org], len(w.busy) >= maxCalls && !due.After(now): // the end of a call wakes the loop
		case due.After(now):
			if next.IsZero() || due.Before(next) {
				next = due
			}
		default:
			w.busy[at.org] = true
			run(at)
		}
	}
	return next
}

// scan finds entries that nobody works on, and counts the others.
func (w *Worker) scan(ctx context.Context) error {
	var f figures
	now := time.Now()
	err := w.set.Journal.EachEntry(ctx, func(stored credential.JournalEntry) error {
		e, err := decode(stored)
		if err != nil {
			w.set.Logger.Error("A journal entry is passed over", zap.Error(err))
			return nil
		}
		switch e.State {
		case stateOpen:
			f.open++
		case stateUnknown:
			f.unknown++
		}
		if e.pending() && (e.Owner == w.owner || e.orphaned(now)) {
			w.add(address{stored.Org, stored.Key}, e.Waiting, laterOf(now, e.Due))
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found = f
	return nil
}

// add makes a task, unless there is one.
func (w *Worker) add(at address, waiting int, due time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tasks[at]
	if t == nil {
		t = &task{due: due}
		w.tasks[at] = t
	}
	t.waiting = waiting
}

// work does one step, and plans the next.
func (w *Worker) work(ctx context.Context, at address) {
	left, wait, err := w.step(ctx, at)
	if err != nil && ctx.Err() == nil && w.tell(at.org) {
		w.set.Logger.Warn("An incident could not be brought to Datadog; logged once every ten minutes for an organisation", zap.String("key", at.key),
			zap.String("org", at.org.String()), zap.Bool("again", left > 0 || wait > 0), zap.Error(err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, at.org)
	if err == nil {
		delete(w.told, at.org)
	}
	if left == 0 && wait == 0 {
		delete(w.tasks, at)
		return
	}
	if t := w.tasks[at]; t != nil {
		t.due, t.waiting = time.Now().Add(wait), left
	}
}

// tell reports whether a failure of an organisation may be logged again.
func (w *Worker) tell(org credential.Org) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if last, told := w.told[org]; told && now.Sub(last) < tellEvery {
		return false
	}
	w.told[org] = now
	return true
}

const tellEvery = 10 * time.Minute

func backoff(failures int) time.Duration {
	return min(firstRetry<<min(max(failures-1, 0), 10), longestRetry)
}

package grant_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant/granttest"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// A full disk, or a database that can be read and not be written, is trouble from the first write that it refuses to the next that it takes. Somebody has to
// look at it though every tenant is well and nothing else is due.
func TestAStoreThatCannotBeWrittenIsTrouble(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, "", unlimited)
	edit := f.Edit
	var mu sync.Mutex
	var told []error // guarded by mu
	f.Edit = func(o *grant.Options) {
		edit(o)
		o.Observer.Trouble = func(err error) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, err)
		}
	}
	said := func() (times int, last error) {
		mu.Lock()
		defer mu.Unlock()
		return len(told), told[len(told)-1]
	}
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	for range 3 {
		f.Clock.Advance(time.Minute)
		s.Pass(t.Context()) // nothing is due any more then
	}
	require.NoError(t, s.Trouble())
	b.left.Store(0)
	require.ErrorContains(t, s.Pause(t.Context(), "acme", "unpaid", "test"), "no space left")
	require.ErrorContains(t, s.Trouble(), "the grant store cannot be written since")
	times, last := said()
	require.ErrorContains(t, last, "no space left on device")
	require.Error(t, s.Pause(t.Context(), "acme", "unpaid", "test"))
	s.Pass(t.Context())
	again, _ := said()
	require.Equal(t, times, again, "it is said once")
	b.left.Store(unlimited)
	s.Pass(t.Context())
	require.NoError(t, s.Trouble(), "a pass tries whether it can be written")
	_, last = said()
	require.NoError(t, last)
	require.Zero(t, s.Flows(), "the trial is no consent")
	_, err = f.Store().Get(t.Context(), store.KindFlow, "can it be written?")
	require.ErrorIs(t, err, store.ErrNotFound)
}

// Whoever does not wait for an answer, or loses a race, says nothing about the store.
func TestAConflictIsNoTroubleOfTheStore(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	var fails failure
	f.Edit = func(o *grant.Options) { o.Store = failing{o.Store, &fails} }
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	fails.set(store.ErrConflict)
	require.Error(t, s.Pause(t.Context(), "acme", "unpaid", "test"))
	require.NoError(t, s.Trouble())
	fails.set(context.DeadlineExceeded) // the disk is slow
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Pause(ctx, "acme", "unpaid", "test"), context.DeadlineExceeded)
	require.NoError(t, s.Trouble())
	fails.set(errors.New("read-only transaction"))
	require.Error(t, s.Pause(t.Context(), "acme", "unpaid", "test"))
	require.ErrorContains(t, s.Trouble(), "read-only transaction")
	fails.set(nil)
	require.NoError(t, s.Pause(t.Context(), "acme", "unpaid", "test"))
	require.NoError(t, s.Trouble(), "the next write ends it")
}

// A database that can only be read gives no lease, without which no token is refreshed: nothing comes to the point of writing.
func TestAStoreThatGivesNoLeaseIsTrouble(t *testing.T) {
	t.Parallel()
	f := granttest.NewFixture(t)
	var fails failure
	f.Edit = func(o *grant.Options) { o.Store = leaseless{o.Store, &fails} }
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	fails.set(errors.New("read-only transaction"))
	_, err = s.AccessToken(t.Context(), "acme")
	require.Error(t, err)
	require.ErrorContains(t, s.Trouble(), "read-only transaction")
	for range 2 {
		f.Clock.Advance(time.Minute)
		s.Pass(t.Context())
		require.NoError(t, s.Pause(t.Context(), "acme", "unpaid", "test"))
		require.NoError(t, s.Resume(t.Context(), "acme", "test"))
		require.ErrorContains(t, s.Trouble(), "read-only transaction", "no other write ends it")
	}
	fails.set(nil)
	s.Pass(t.Context())
	require.NoError(t, s.Trouble())
}

// failure is an error that the service's own work meets too; nil for none.
type failure struct{ now atomic.Pointer[error] }

func (f *failure) set(err error) { f.now.Store(&err) }

func (f *failure) get() error {
	if err := f.now.Load(); err != nil {
		return *err
	}
	return nil
}

// leaseless answers every request for a lease with an error, if there is one.
type leaseless struct {
	store.Store
	with *failure
}

func (l leaseless) Lease(ctx context.Context, name string, ttl time.Duration) (store.Lease, error) {
	if err := l.with.get(); err != nil {
		return nil, err
	}
	return l.Store.Lease(ctx, name, ttl)
}

// failing answers every write with an error, if there is one, that of a deadline when it has passed.
type failing struct {
	store.Store
	with *failure
}

func (f failing) Apply(ctx context.Context, changes ...store.Change) error {
	if err := f.with.get(); errors.Is(err, context.DeadlineExceeded) {
		<-ctx.Done()
		return ctx.Err()
	} else if err != nil {
		return err
	}
	return f.Store.Apply(ctx, changes...)
}

// What would be lost with the process is trouble until it is stored, even where other writes succeed.
func TestAnAnswerThatIsInMemoryOnlyIsTrouble(t *testing.T) {
	t.Parallel()
	f, b := breakingFixture(t, store.KindToken, unlimited)
	s := f.Start()
	_, err := f.Connect(s, "acme", eu(t), granttest.OrgA)
	require.NoError(t, err)
	f.Clock.Advance(time.Hour)
	b.left.Store(1) // the intent
	_, err = s.AccessToken(t.Context(), "acme")
	require.Error(t, err)
	s.Pass(t.Context())
	require.ErrorContains(t, s.Trouble(), "1 answer(s) of Datadog are in memory only")
	b.left.Store(unlimited)
	s.Pass(t.Context())
	require.NoError(t, s.Trouble())
	assert.Equal(t, grant.TokenOK, facts(t, s, "acme").Facts.Token)
}

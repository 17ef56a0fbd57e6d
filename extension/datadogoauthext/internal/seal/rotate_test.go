//go:build unix

package seal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

func TestAKeyIsReplacedStepByStepWhileTheStoreIsInUse(t *testing.T) {
	t.Parallel()
	ctx, st := t.Context(), openStore(t)
	path, tokens := newKeysetFile(t)
	_, keys := newKeysetFile(t)
	must(t, errors.Join(seal.Prove(ctx, st, "tokens", tokens), seal.Prove(ctx, st, "keys", keys)))
	putSealed(t, st, tokens, store.KindToken, "acme", "a refresh token")
	putSealed(t, st, keys, store.KindGrant, "acme", "a grant")
	putSealed(t, st, newKeyset(t), store.KindToken, "globex", "of another keyset")
	old := tokens.PrimaryID()

	added, err := seal.Add(path)
	must(t, err)
	reload(t, tokens, true)
	if tokens.PrimaryID() != old || !tokens.Holds(added) {
		t.Fatalf("after add: primary %d, holds the new key %t", tokens.PrimaryID(), tokens.Holds(added))
	}
	must(t, seal.Promote(path, added))
	reload(t, tokens, true)
	if tokens.PrimaryID() != added {
		t.Fatalf("after promote: primary %d, want %d", tokens.PrimaryID(), added)
	}
	must(t, seal.Prove(ctx, st, "tokens", tokens)) // by the key that is not primary any more

	byKind := func(kind store.Kind) *seal.Keyset {
		if kind == store.KindGrant {
			return keys
		}
		return tokens
	}
	var told []string
	count, unreadable, err := seal.ResealAll(ctx, st, byKind, func(r store.Record) {
		told = append(told, string(r.Kind)+" "+r.Key)
		if stored, err := st.Get(ctx, r.Kind, r.Key); err != nil || stored.Version != r.Version || !bytes.Equal(stored.Value, r.Value) {
			t.Errorf("told of %s %s version %d, stored is %d, %v", r.Kind, r.Key, r.Version, stored.Version, err)
		}
	})
	if err != nil || count != 2 || unreadable != 1 || !slices.Equal(told, []string{"canary tokens", "token acme"}) {
		t.Fatalf("sealed again %d %v, unreadable %d, %v", count, told, unreadable, err)
	}
	record, err := st.Get(ctx, store.KindToken, "acme")
	must(t, err)
	if id, ok := seal.KeyID(record.Value); !ok || id != added {
		t.Errorf("sealed by %d, want %d", id, added)
	}
	if count, _, err = seal.ResealAll(ctx, st, byKind, nil); count != 0 || err != nil {
		t.Errorf("the second time: %d, %v", count, err)
	}

	must(t, seal.Retire(path, old))
	reload(t, tokens, true)
	must(t, seal.Check(ctx, st, "tokens", tokens))
	if client, plain, err := tokens.Open("token", "acme", record.Version, record.Value); err != nil || client != "main" || string(plain) != "a refresh token" {
		t.Errorf("after retire: %q of %q, %v", plain, client, err)
	}
	if len(tokens.Keys()) != 1 {
		t.Errorf("keys: %v", tokens.Keys())
	}
}

func TestSealingAgainLosesNoWriteOfSomebodyElse(t *testing.T) {
	t.Parallel()
	ctx, st := t.Context(), openStore(t)
	path, ks := newKeysetFile(t)
	const records = 250 // several batches
	for i := range records {
		putSealed(t, st, ks, store.KindToken, fmt.Sprintf("tenant-%03d", i), "before")
	}
	added, err := seal.Add(path)
	must(t, err)
	must(t, seal.Promote(path, added))
	reload(t, ks, true)
	raced := &racing{Store: st, key: "tenant-120", write: func() {
		sealed := mustSeal(t, ks, seal.Label{Kind: "token", Client: "main", Key: "tenant-120", Version: 2}, []byte("a rotated token"))
		must(t, st.Apply(ctx, store.Change{Record: store.Record{Kind: store.KindToken, Key: "tenant-120", Version: 1, Value: sealed}}))
	}}
	told := 0
	count, unreadable, err := seal.ResealAll(ctx, raced, func(store.Kind) *seal.Keyset { return ks }, func(store.Record) { told++ })
	if err != nil || count != records-1 || told != count || unreadable != 0 {
		t.Fatalf("sealed again %d, told of %d, unreadable %d, %v", count, told, unreadable, err)
	}
	must(t, st.List(ctx, store.KindToken, func(r store.Record) error {
		id, _ := seal.KeyID(r.Value)
		_, plain, err := ks.Open("token", r.Key, r.Version, r.Value)
		want := "before"
		if r.Key == "tenant-120" {
			want = "a rotated token"
		}
		if err != nil || id != added || r.Version != 2 || string(plain) != want {
			t.Errorf("%s: %q version %d by %d, %v", r.Key, plain, r.Version, id, err)
		}
		return nil
	}))
}

// racing is a store in which somebody else writes key just before an Apply that holds it.
type racing struct {
	store.Store
	key   string
	write func()
}

func (s *racing) Apply(ctx context.Context, changes ...store.Change) error {
	if s.write != nil && slices.ContainsFunc(changes, func(c store.Change) bool { return c.Key == s.key }) {
		s.write()
		s.write = nil
	}
	return s.Store.Apply(ctx, changes...)
}

func TestWhatCannotBeChangedIsRefusedAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	path, ks := newKeysetFile(t)
	before, _ := os.ReadFile(path)
	projected := filepath.Join(t.TempDir(), "..2026_01_01", "tokens")
	must(t, os.Mkdir(filepath.Dir(projected), 0o700))
	writeFile(t, projected, before, 0o400)
	exposed := filepath.Join(t.TempDir(), "exposed")
	writeFile(t, exposed, before, 0o644)
	_, projectedErr := seal.Add(projected)
	_, exposedErr := seal.Add(exposed)
	for name, c := range map[string]struct{ got, want error }{
		"retire the primary key": {seal.Retire(path, ks.PrimaryID()), seal.ErrPrimary},
		"retire an unknown key":  {seal.Retire(path, ks.PrimaryID()+1), seal.ErrNoKey},
		"promote an unknown key": {seal.Promote(path, ks.PrimaryID()+1), seal.ErrNoKey},
		"a file that is missing": {seal.Promote(path+"-not", 1), seal.ErrMissing},
		"a Kubernetes volume":    {projectedErr, seal.ErrProjected},
		"open to everybody":      {exposedErr, seal.ErrExposed},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: got %v, want %v", name, c.got, c.want)
		}
	}
	if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
		t.Error("the file changed")
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("left beside it: %v", entries)
	}
}

func TestEditsAtOnceLoseNothingAndKeepModeAndLink(t *testing.T) {
	t.Parallel()
	path, ks := newKeysetFile(t)
	must(t, os.Chmod(path, 0o400))
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(path, link))
	var edits sync.WaitGroup
	for range 8 {
		edits.Go(func() {
			if _, err := seal.Add(link); err != nil {
				t.Error(err)
			}
		})
	}
	edits.Wait()
	reload(t, ks, true)
	if n := len(ks.Keys()); n != 9 {
		t.Errorf("%d keys, want 9", n)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is %v, %v", info, err)
	}
	if info, err = os.Stat(path); err != nil || info.Mode().Perm() != 0o400 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
}

func TestAnEditByRootLeavesTheFileToItsOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	path, _ := newKeysetFile(t)
	must(t, os.Chown(path, 65534, 65534))
	_, err := seal.Add(path)
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	if stat := info.Sys().(*syscall.Stat_t); stat.Uid != 65534 || stat.Gid != 65534 || info.Mode().Perm() != 0o600 {
		t.Errorf("owner %d:%d, mode %v", stat.Uid, stat.Gid, info.Mode())
	}
}

// A collector that never saw the promoted file seals under the old key until it sees the one from which that key was retired.
func TestWhatWasSealedUnderAKeyThatWasRetiredMeanwhileOpensAndIsSealedAgain(t *testing.T) {
	t.Parallel()
	st := openStore(t)
	path, late := newKeysetFile(t)
	must(t, seal.Prove(t.Context(), st, "tokens", late))
	old := late.PrimaryID()
	added, err := seal.Add(path)
	must(t, err)
	reload(t, late, true)
	must(t, seal.Promote(path, added))
	must(t, seal.Retire(path, old))
	putSealed(t, st, late, store.KindToken, "acme", "a refresh token")

	reload(t, late, true)
	if late.PrimaryID() != added || !late.Holds(old) || len(late.Keys()) != 1 {
		t.Fatalf("seals with %d, opens the old one %t, keys %v", late.PrimaryID(), late.Holds(old), late.Keys())
	}
	_, unreadable, err := seal.ResealAll(t.Context(), st, func(store.Kind) *seal.Keyset { return late }, nil)
	if err != nil || unreadable != 0 {
		t.Fatalf("unreadable %d, %v", unreadable, err)
	}
	fresh, err := seal.Load(path)
	must(t, err)
	record, err := st.Get(t.Context(), store.KindToken, "acme")
	must(t, err)
	if _, plain, err := fresh.Open("token", "acme", record.Version, record.Value); err != nil || string(plain) != "a refresh token" {
		t.Errorf("another collector reads %q, %v", plain, err)
	}
	must(t, seal.Check(t.Context(), st, "tokens", fresh))
	if fresh.Holds(old) {
		t.Error("the retired key came back")
	}
}

func TestReloadTellsOfAFileItCannotTakeOnceAndKeepsItsKeys(t *testing.T) {
	t.Parallel()
	path, ks := newKeysetFile(t)
	other, _ := newKeysetFile(t)
	sound, _ := os.ReadFile(path)
	foreign, _ := os.ReadFile(other)
	sealed := mustSeal(t, ks, label, []byte("old"))
	reload(t, ks, false)
	for _, c := range []struct {
		name    string
		content []byte
		mode    os.FileMode
		want    error
	}{
		{"half written", sound[:len(sound)/2], 0o600, seal.ErrNotKeyset},
		{"of another store", foreign, 0o600, seal.ErrExchanged},
		{"readable by all", sound, 0o644, seal.ErrExposed},
		{"gone", nil, 0, seal.ErrMissing},
	} {
		must(t, os.Remove(path))
		if c.content != nil {
			writeFile(t, path, c.content, c.mode)
		}
		if changed, err := ks.Reload(); changed || !errors.Is(err, c.want) {
			t.Errorf("%s: got %t, %v, want %v", c.name, changed, err, c.want)
		}
		reload(t, ks, false) // told already
		if _, plain, err := ks.Open("token", "acme", 7, sealed); err != nil || string(plain) != "old" {
			t.Errorf("%s: its record: %q, %v", c.name, plain, err)
		}
		if c.content == nil {
			writeFile(t, path, sound, 0o600)
		}
	}
	reload(t, ks, false) // the same keys as ever
	must(t, os.Chmod(path, 0o600))
	if _, err := seal.Add(path); err != nil {
		t.Fatal(err)
	}
	reload(t, ks, true)
}

func TestReloadFollowsASecretVolume(t *testing.T) {
	t.Parallel()
	source, _ := newKeysetFile(t)
	dir := t.TempDir()
	project := func(version string) {
		t.Helper()
		content, err := os.ReadFile(source)
		must(t, err)
		must(t, os.Mkdir(filepath.Join(dir, version), 0o700))
		writeFile(t, filepath.Join(dir, version, "tokens"), content, 0o400)
		must(t, os.Symlink(version, filepath.Join(dir, "..data_tmp")))
		must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	project("..2026_01_01")
	must(t, os.Symlink("..data/tokens", filepath.Join(dir, "tokens")))
	ks, err := seal.Load(filepath.Join(dir, "tokens"))
	must(t, err)
	added, err := seal.Add(source)
	must(t, err)
	reload(t, ks, false)
	project("..2026_01_02")
	reload(t, ks, true)
	if !ks.Holds(added) {
		t.Error("the added key did not arrive")
	}
}

func TestSealAndOpenGoOnWhileTheFileChanges(t *testing.T) {
	t.Parallel()
	path, ks := newKeysetFile(t)
	stop := make(chan struct{})
	var users sync.WaitGroup
	for range 4 {
		users.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				sealed, err := ks.Seal(label, []byte("x"))
				if err == nil {
					_, _, err = ks.Open("token", "acme", 7, sealed)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 5 {
		id, err := seal.Add(path)
		must(t, err)
		reload(t, ks, true)
		must(t, seal.Promote(path, id))
		reload(t, ks, true)
	}
	close(stop)
	users.Wait()
}

func TestCheckWritesNothingIntoAStoreThatIsNotBegun(t *testing.T) {
	t.Parallel()
	st, ks := openStore(t), newKeyset(t)
	if err := seal.Check(t.Context(), st, "keys", ks); !errors.Is(err, seal.ErrNotBegun) {
		t.Errorf("got %v, want ErrNotBegun", err)
	}
	if canaries(t, st) != "" {
		t.Error("a canary was written")
	}
	must(t, seal.Prove(t.Context(), st, "keys", ks))
	must(t, seal.Check(t.Context(), st, "keys", ks))
	if err := seal.Check(t.Context(), st, "keys", newKeyset(t)); !errors.Is(err, seal.ErrWrongKeyset) {
		t.Errorf("got %v, want ErrWrongKeyset", err)
	}
}

func FuzzKeyID(f *testing.F) {
	ks := newKeyset(f)
	f.Add(mustSeal(f, ks, label, []byte("x")))
	f.Add([]byte{1, 0, 1, 0, 0, 0})
	f.Add([]byte{1, 255, 1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		id, ok := seal.KeyID(raw)
		if !ok && id != 0 {
			t.Fatalf("%d with no record", id)
		}
		if _, _, err := ks.Open("token", "acme", 7, raw); err == nil && (!ok || id != ks.PrimaryID()) {
			t.Fatalf("a record that opens is said to be of key %d", id)
		}
	})
}

func newKeysetFile(t testing.TB) (string, *seal.Keyset) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keyset.json")
	must(t, seal.CreateFile(path))
	ks, err := seal.Load(path)
	must(t, err)
	return path, ks
}

func putSealed(t *testing.T, st store.Store, ks *seal.Keyset, kind store.Kind, key, plain string) {
	t.Helper()
	sealed := mustSeal(t, ks, seal.Label{Kind: string(kind), Client: "main", Key: key, Version: 1}, []byte(plain))
	must(t, st.Apply(t.Context(), store.Change{Record: store.Record{Kind: kind, Key: key, Value: sealed}}))
}

func reload(t *testing.T, ks *seal.Keyset, want bool) {
	t.Helper()
	if changed, err := ks.Reload(); err != nil || changed != want {
		t.Fatalf("reload: changed %t, %v; want %t", changed, err, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

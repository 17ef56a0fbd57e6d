package seal

import (
	"context"
	"errors"
	"fmt"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Errors of Prove and Check.
var (
	// ErrWrongKeyset means that a store was sealed with another keyset.
	ErrWrongKeyset = errors.New("the store was sealed with another keyset")
	// ErrSharedKey means that one key is in two of the keysets of a store.
	ErrSharedKey = errors.New("it holds the same key as the other keyset file")
	// ErrNotBegun means that a store holds no canary yet, so nothing was ever sealed for it.
	ErrNotBegun = errors.New("the store was not begun yet")
)

// firstVersion is that of a canary in a store that begins. It grows when the canary is sealed under another key.
const firstVersion = 1

// Prove makes sure that ks is the keyset that the store's records of one sort are sealed with, before anything is
// written with it. name says which sort: "tokens" or "keys".
//
// No two keysets of a store may share a key, whatever their files are called: a collector that is given one of them must not be
// able to open what the other one seals. The canary of one that opens with the other ends in ErrSharedKey.
//
// In a store without records it writes a sealed canary, which is an ordinary record. From then on the canary has to open,
// or the error is ErrWrongKeyset and the store stays as it is. A store that holds records but not this canary was not
// made by this program, or was made with one keyset only: store.ErrForeign.
func Prove(ctx context.Context, st store.Store, name string, ks *Keyset) error {
	err := openCanary(ctx, st, name, ks)
	if err == nil || errors.Is(err, store.ErrNotFound) {
		if shared := checkNotShared(ctx, st, name, ks); shared != nil {
			return shared
		}
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := checkNoRecords(ctx, st, name); err != nil {
		return err
	}
	canary, err := NewCanary(name, ks)
	if err != nil {
		return err
	}
	canary.Version = 0 // it must not exist yet
	err = st.Apply(ctx, store.Change{Record: canary})
	if errors.Is(err, store.ErrConflict) {
		return openCanary(ctx, st, name, ks) // another process was first: its keyset decides
	}
	if err != nil {
		return fmt.Errorf("write the canary of the %s keyset: %w", name, err)
	}
	return nil
}

// Check is Prove for a collector that only reads: a store without the canary is ErrNotBegun, and nothing is written.
func Check(ctx context.Context, st store.Store, name string, ks *Keyset) error {
	err := openCanary(ctx, st, name, ks)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%s keyset: %w: there is no canary in it; start the collector that connects customers on this store first, and check that this one names the same store", name, ErrNotBegun)
	}
	if err != nil {
		return err
	}
	return checkNotShared(ctx, st, name, ks)
}

// NewCanary makes the canary of a store that begins with ks.
func NewCanary(name string, ks *Keyset) (store.Record, error) {
	sealed, err := ks.Seal(Label{Kind: string(store.KindCanary), Key: name, Version: firstVersion}, canaryText(name))
	if err != nil {
		return store.Record{}, err
	}
	return store.Record{Kind: store.KindCanary, Key: name, Version: firstVersion, Value: sealed}, nil
}

func openCanary(ctx context.Context, st store.Store, name string, ks *Keyset) error {
	record, err := st.Get(ctx, store.KindCanary, name)
	if err != nil {
		return fmt.Errorf("read the canary of the %s keyset: %w", name, err)
	}
	return CheckCanary(record, ks)
}

// CheckCanary makes sure that ks is the keyset of a canary, which may be of any version. It is ErrWrongKeyset or ErrFormat.
func CheckCanary(record store.Record, ks *Keyset) error {
	name := record.Key
	_, plain, err := ks.Open(string(store.KindCanary), name, record.Version, record.Value)
	if err == nil && string(plain) == string(canaryText(name)) {
		return nil
	}
	if errors.Is(err, ErrFormat) {
		return fmt.Errorf("canary of the %s keyset: %w: a newer version of the collector may have written the store; run that version, or restore the store from a backup", name, ErrFormat)
	}
	return fmt.Errorf("%s keyset: %w than %s; nothing was written; put back the keyset file that belongs to this store, or restore the store that belongs to this keyset", name, ErrWrongKeyset, ks.path)
}

// checkNotShared tries ks on the canaries of other names. One that does not open is as it should be.
func checkNotShared(ctx context.Context, st store.Store, name string, ks *Keyset) error {
	return st.List(ctx, store.KindCanary, func(r store.Record) error {
		if r.Key == name {
			return nil
		}
		if _, _, err := ks.Open(string(store.KindCanary), r.Key, r.Version, r.Value); err != nil {
			return nil //nolint:nilerr // sealed with another key
		}
		return fmt.Errorf("%s keyset %s: %w, that of the %s; whoever is given one could open what the other seals: make another one with datadogoauthctl keyset create", name, ks.path, ErrSharedKey, r.Key)
	})
}

var errSome = errors.New("a record")

// checkNoRecords lets other canaries pass, since two keysets are proved one after the other.
func checkNoRecords(ctx context.Context, st store.Store, name string) error {
	for _, kind := range store.Kinds() {
		if kind == store.KindCanary {
			continue
		}
		err := st.List(ctx, kind, func(store.Record) error { return errSome })
		if errors.Is(err, errSome) {
			return fmt.Errorf("%s keyset: %w: it holds %s records but no canary for this keyset; nothing was written; name the store that belongs to this keyset, or restore it from a backup", name, store.ErrForeign, kind)
		}
		if err != nil {
			return fmt.Errorf("look for %s records: %w", kind, err)
		}
	}
	return nil
}

// canaryText is known to everybody; that it opens at all is the proof.
func canaryText(name string) []byte { return []byte("canary of the " + name + " keyset") }

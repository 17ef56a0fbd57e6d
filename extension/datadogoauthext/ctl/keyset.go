package ctl

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"strconv"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
)

// keysetCreate writes a keyset and tells its name, never a part of it.
func keysetCreate(_ context.Context, c *command) error {
	out := c.flags.String("out", "", "")
	if err := c.parse(); err != nil {
		return err
	}
	if *out == "" {
		return c.misused("name one file with --out and nothing else")
	}
	if err := seal.CreateFile(*out); err != nil {
		return &Error{Err: err, Hint: createHint(err, *out)}
	}
	return c.printf("wrote %s\n", *out)
}

func createHint(err error, out string) string {
	switch {
	case errors.Is(err, seal.ErrExists):
		return "name another file; a keyset that is in use can be replaced by no other, since its store opens with nothing else"
	case errors.Is(err, fs.ErrNotExist):
		return "create the directory first: mkdir -p -m 700 " + filepath.Dir(out)
	case errors.Is(err, fs.ErrPermission):
		return "run it as the collector's user, in a directory that this user owns"
	default:
		return "the file was not written; make room or name another directory, then run the command again"
	}
}

func keysetList(_ context.Context, c *command) error {
	file := c.flags.String("keyset", "", "")
	asJSON := c.flags.Bool("json", false, "")
	if err := c.parse(); err != nil {
		return err
	}
	ks, err := c.loadKeyset("--keyset", *file)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(c.stdout).Encode(ks.Keys())
	}
	for _, key := range ks.Keys() {
		state := "opens"
		switch {
		case key.Primary:
			state = "primary: seals and opens"
		case !key.Enabled:
			state = "disabled"
		}
		if err := c.printf("%-10d  %s\n", key.ID, state); err != nil {
			return err
		}
	}
	return nil
}

func keysetAdd(_ context.Context, c *command) error {
	file := c.flags.String("keyset", "", "")
	if err := c.parse(); err != nil {
		return err
	}
	if *file == "" {
		return c.misused("name the keyset file with --keyset")
	}
	id, err := seal.Add(*file)
	if err != nil {
		return &Error{Err: err, Hint: editHint(err)}
	}
	return c.printf("added key %d to %s; give the file to every collector that uses it, then: datadogoauthctl keyset promote --keyset %s --id %d\n", id, *file, *file, id)
}

func keysetPromote(_ context.Context, c *command) error {
	file := c.flags.String("keyset", "", "")
	id := c.idFlag()
	if err := c.parse(); err != nil {
		return err
	}
	if *file == "" || *id == 0 {
		return c.misused("name the keyset file with --keyset and the key with --id")
	}
	if err := seal.Promote(*file, uint32(*id)); err != nil {
		return &Error{Err: err, Hint: editHint(err)}
	}
	return c.printf("key %d seals from now on; give %s to every collector that uses it. The collector that connects customers seals everything under this key, then the old one can be retired\n", *id, *file)
}

// keyID is the id of a key as a flag.
type keyID uint32

func (k *keyID) String() string { return strconv.FormatUint(uint64(*k), 10) }

func (k *keyID) Set(text string) error {
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || id == 0 {
		return errors.New("an id is a number from 1 to " + strconv.FormatUint(math.MaxUint32, 10) + ", as datadogoauthctl keyset list shows it")
	}
	*k = keyID(id)
	return nil
}

func (c *command) idFlag() *keyID {
	id := new(keyID)
	c.flags.Var(id, "id", "")
	return id
}

func (c *command) loadKeyset(flag, file string) (*seal.Keyset, error) {
	if file == "" {
		return nil, c.misused("name the keyset file with %s", flag)
	}
	ks, err := seal.Load(file)
	if err != nil {
		return nil, c.fault(err, "nothing was changed; name the keyset file that the collector uses, and run the command as the user that owns it")
	}
	return ks, nil
}

func editHint(err error) string {
	switch {
	case errors.Is(err, seal.ErrNoKey):
		return "datadogoauthctl keyset list shows the ids of a keyset"
	case errors.Is(err, seal.ErrPrimary):
		return "a keyset cannot be without the key that seals: promote another one first"
	case errors.Is(err, seal.ErrBusy):
		return "run the command again when the other one is done"
	case errors.Is(err, seal.ErrMissing):
		return "name the file with --keyset; datadogoauthctl keyset create writes a new one"
	case errors.Is(err, fs.ErrPermission):
		return "nothing was changed; run the command as the user that owns the file, or as root"
	default:
		return "nothing was changed"
	}
}

package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Errors of Load. Compare with errors.Is; the texts around them name the file and say what to do.
var (
	ErrMissing   = errors.New("no such keyset file")
	ErrNotKeyset = errors.New("not a Tink keyset in JSON")
	ErrPrimitive = errors.New("the keyset is not for AES256-GCM of Tink's own variant")
	ErrExposed   = errors.New("other users can read or change the keyset file")
)

const (
	maxKeysetBytes = 1 << 20
	aesKeyBytes    = 32
)

// Keyset seals and opens records. It comes from Load only, is safe for concurrent use, and shows no key material in any
// print verb or encoding.
//
// A copy of a Keyset is the same keyset: what Reload takes in reaches every copy.
type Keyset struct {
	path string
	live *live
}

// material is what one state of the file holds. It never changes once it is in use.
type material struct {
	aead    tink.AEAD
	handle  *keyset.Handle
	keys    []KeyInfo
	primary uint32
	// former is an earlier state whose primary key the file no longer holds; nil as a rule. It opens and never seals: see Reload.
	former *material
}

// KeyInfo is what may be told of one key. When it was made is unknown: a Tink keyset does not say.
type KeyInfo struct {
	ID      uint32 `json:"id"`
	Primary bool   `json:"primary"` // it seals
	Enabled bool   `json:"enabled"` // it opens
}

// Load reads a keyset file, as datadogoauthctl writes it: a cleartext Tink keyset in JSON.
//
// A keyset may hold several keys: the primary one seals, any enabled one opens. That is how keys are replaced without a
// stop. Every key must be AES-GCM of 256 bits, because the argument in the package comment is made for nothing else and
// because a key that lives in a remote KMS would put the network between a collector and its start. Every key must be of
// Tink's own variant, whose ciphertexts name the key: without that nobody could tell whether a key is still in use.
//
// No error quotes the file's content, since all of it is secret.
func Load(path string) (*Keyset, error) {
	m, info, err := read(path)
	if err != nil {
		return nil, err
	}
	k := &Keyset{path: path, live: &live{seen: info}}
	k.live.cur.Store(m)
	return k, nil
}

// Keys returns what may be told of every key, in the order of the file.
func (k *Keyset) Keys() []KeyInfo { return slices.Clone(k.live.cur.Load().keys) }

// PrimaryID is the id of the key that seals.
func (k *Keyset) PrimaryID() uint32 { return k.live.cur.Load().primary }

// Holds reports whether the keyset opens what the key of this id sealed.
func (k *Keyset) Holds(id uint32) bool {
	for m := k.live.cur.Load(); m != nil; m = m.former {
		if key, ok := m.find(id); ok && key.Enabled {
			return true
		}
	}
	return false
}

// read reads a file, and tells which one it was.
func read(path string) (*material, fs.FileInfo, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("keyset %s: %w; create one with: datadogoauthctl keyset create --out %s", path, ErrMissing, path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("keyset %s: %w; the collector's user must be able to read it", path, withoutPath(err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, nil, fmt.Errorf("keyset %s: %w", path, withoutPath(err))
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("keyset %s: %w; name a regular file", path, ErrNotKeyset)
	}
	if err := checkMode(path, info); err != nil {
		return nil, nil, fmt.Errorf("keyset %s: %w", path, err)
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxKeysetBytes))
	if err != nil {
		return nil, nil, fmt.Errorf("keyset %s: %w", path, withoutPath(err))
	}
	m, err := parse(raw)
	if err != nil {
		return nil, nil, fmt.Errorf("keyset %s: %w", path, err)
	}
	return m, info, nil
}

func parse(raw []byte) (*material, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, fmt.Errorf("%w: the file is empty; restore it from where keysets are kept, or if it never held one remove it and run datadogoauthctl keyset create", ErrNotKeyset)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, fmt.Errorf("%w; is this the right file? datadogoauthctl keyset create writes one", ErrNotKeyset)
	}
	m := &material{handle: handle}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("%w; is this the right file? datadogoauthctl keyset create writes one", ErrNotKeyset)
		}
		p, ok := entry.Key().Parameters().(*aesgcm.Parameters)
		if !ok || p.KeySizeInBytes() != aesKeyBytes || p.Variant() != aesgcm.VariantTink {
			return nil, fmt.Errorf("key %d of it: %w; datadogoauthctl keyset create writes one that is", entry.KeyID(), ErrPrimitive)
		}
		m.keys = append(m.keys, KeyInfo{ID: entry.KeyID(), Primary: entry.IsPrimary(), Enabled: entry.KeyStatus() == keyset.Enabled})
		if entry.IsPrimary() {
			m.primary = entry.KeyID()
		}
	}
	m.aead, err = aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("%w; datadogoauthctl keyset create writes one that is", ErrPrimitive)
	}
	return m, nil
}

// String tells the file, the number of keys, and the id of the one that seals.
func (k *Keyset) String() string {
	if k == nil {
		return "no keyset"
	}
	m := k.live.cur.Load()
	return fmt.Sprintf("keyset %s with %d key(s), sealing with key %d", k.path, len(m.keys), m.primary)
}

// GoString keeps %#v from walking into the primitive.
func (k *Keyset) GoString() string { return k.String() }

// Format keeps every other verb from walking into the primitive.
func (k *Keyset) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText keeps encoders, such as the logger's, to what String tells.
func (k *Keyset) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// withoutPath takes the path out of an os error, because the text around it begins with the path.
func withoutPath(err error) error {
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

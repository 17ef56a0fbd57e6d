package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

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
	ErrPrimitive = errors.New("the keyset is not for AES256-GCM")
	ErrExposed   = errors.New("other users can read or change the keyset file")
)

const (
	maxKeysetBytes = 1 << 20
	aesKeyBytes    = 32
)

// Keyset seals and opens records. It comes from Load only, is safe for concurrent use, and shows no key material in any
// print verb or encoding.
type Keyset struct {
	aead tink.AEAD
	path string
	keys int
}

// Load reads a keyset file, as datadogoauthctl writes it: a cleartext Tink keyset in JSON.
//
// A keyset may hold several keys: the primary one seals, any enabled one opens. That is how keys are replaced without a
// stop. Every key must be AES-GCM of 256 bits, because the argument in the package comment is made for nothing else and
// because a key that lives in a remote KMS would put the network between a collector and its start.
//
// No error quotes the file's content, since all of it is secret.
func Load(path string) (*Keyset, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("keyset %s: %w; create one with: datadogoauthctl keyset create --out %s", path, ErrMissing, path)
	}
	if err != nil {
		return nil, fmt.Errorf("keyset %s: %w; the collector's user must be able to read it", path, withoutPath(err))
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("keyset %s: %w", path, withoutPath(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("keyset %s: %w; name a regular file", path, ErrNotKeyset)
	}
	if err := checkMode(path, info); err != nil {
		return nil, fmt.Errorf("keyset %s: %w", path, err)
	}
	raw, err := io.ReadAll(io.LimitReader(file, maxKeysetBytes))
	if err != nil {
		return nil, fmt.Errorf("keyset %s: %w", path, withoutPath(err))
	}
	k, err := parse(raw)
	if err != nil {
		return nil, fmt.Errorf("keyset %s: %w", path, err)
	}
	k.path = path
	return k, nil
}

func parse(raw []byte) (*Keyset, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, fmt.Errorf("%w: the file is empty; restore it from where keysets are kept, or if it never held one remove it and run datadogoauthctl keyset create", ErrNotKeyset)
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, fmt.Errorf("%w; is this the right file? datadogoauthctl keyset create writes one", ErrNotKeyset)
	}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, fmt.Errorf("%w; is this the right file? datadogoauthctl keyset create writes one", ErrNotKeyset)
		}
		p, ok := entry.Key().Parameters().(*aesgcm.Parameters)
		if !ok || p.KeySizeInBytes() != aesKeyBytes {
			return nil, fmt.Errorf("key %d of it: %w; datadogoauthctl keyset create writes one that is", entry.KeyID(), ErrPrimitive)
		}
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("%w; datadogoauthctl keyset create writes one that is", ErrPrimitive)
	}
	return &Keyset{aead: primitive, keys: handle.Len()}, nil
}

// String tells the file and the number of keys.
func (k *Keyset) String() string {
	if k == nil {
		return "no keyset"
	}
	return fmt.Sprintf("keyset %s with %d key(s)", k.path, k.keys)
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

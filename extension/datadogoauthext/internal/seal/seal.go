package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors of Open and Seal. Compare with errors.Is.
var (
	// ErrSealed means that a record does not open: another keyset sealed it, or it was changed, moved or renamed.
	ErrSealed = errors.New("the record does not open: it was sealed with another keyset, or changed in the store")
	// ErrFormat means that the bytes are no sealed record of a format that this program reads.
	ErrFormat = errors.New("not a sealed record of a known format")
)

// formatTink is the only format there is:
//
//	1 byte   format, 0x01
//	1 byte   length of the client name
//	n bytes  client name, in clear
//	rest     Tink ciphertext: 5 bytes prefix with the id of the key, 12 bytes nonce, ciphertext, 16 bytes tag
//
// The client is in clear so that a reader learns whose record it is before it has any configuration of that client.
// https://developers.google.com/tink/wire-format
const formatTink = 0x01

const maxClientBytes = 255

// Label says what a record is. All of it is authenticated, none of it is encrypted.
type Label struct {
	// Kind is the kind of record, as in store.Kind.
	Kind string
	// Client is the name of the OAuth client in the configuration, at most 255 bytes; empty where a record has none.
	Client string
	// Key is the record's address within its kind: a tenant, an org.
	Key string
	// Version is the version that the store will hold, one more than the version that is replaced.
	Version uint64
}

// Seal encrypts plain under the primary key of the keyset. It keeps neither argument.
func (k *Keyset) Seal(label Label, plain []byte) ([]byte, error) {
	if len(label.Client) > maxClientBytes {
		return nil, fmt.Errorf("seal %s record: the client name is %d bytes long; at most %d", label.Kind, len(label.Client), maxClientBytes)
	}
	ciphertext, err := k.live.cur.Load().aead.Encrypt(plain, label.associatedData())
	if err != nil {
		return nil, fmt.Errorf("seal %s record: %w", label.Kind, err)
	}
	sealed := make([]byte, 0, 2+len(label.Client)+len(ciphertext))
	sealed = append(sealed, formatTink, byte(len(label.Client)))
	sealed = append(sealed, label.Client...)
	return append(sealed, ciphertext...), nil
}

// Open decrypts a record that the store holds under kind, key and version. The results are the caller's; on error they
// are empty. The error is ErrFormat or ErrSealed, and says no more: a reason would be a hint for whoever changed it.
func (k *Keyset) Open(kind, key string, version uint64, sealed []byte) (client string, plain []byte, err error) {
	client, ciphertext, err := split(sealed)
	if err != nil {
		return "", nil, fmt.Errorf("open %s record: %w", kind, err)
	}
	label := Label{Kind: kind, Client: client, Key: key, Version: version}
	for m := k.live.cur.Load(); m != nil; m = m.former {
		if plain, err = m.aead.Decrypt(ciphertext, label.associatedData()); err == nil {
			return client, plain, nil
		}
	}
	return "", nil, fmt.Errorf("open %s record: %w", kind, ErrSealed)
}

// split takes the clear part off a sealed record. Lengths are checked before anything is cut, since the bytes come from
// a file that anybody may have written; what the client name says is believed only once Decrypt has agreed.
func split(sealed []byte) (client string, ciphertext []byte, err error) {
	if len(sealed) < 2 || sealed[0] != formatTink {
		return "", nil, ErrFormat
	}
	n := int(sealed[1])
	if len(sealed) < 2+n {
		return "", nil, ErrFormat
	}
	return string(sealed[2 : 2+n]), sealed[2+n:], nil
}

// tinkPrefixBytes is 0x01 and the id of the key, 4 bytes big endian, in front of a ciphertext of Tink's own variant.
// https://developers.google.com/tink/wire-format
const tinkPrefixBytes = 5

// KeyID tells by which key a record is sealed, as the record says in clear; nothing but Open proves it. ok is false for
// bytes of another format.
func KeyID(sealed []byte) (id uint32, ok bool) {
	_, ciphertext, err := split(sealed)
	if err != nil || len(ciphertext) < tinkPrefixBytes || ciphertext[0] != 0x01 {
		return 0, false
	}
	return binary.BigEndian.Uint32(ciphertext[1:tinkPrefixBytes]), true
}

// associatedData puts the length in front of every text: without it ("ab", "c") and ("a", "bc") would be the same bytes
// and one record could stand in for the other.
func (l Label) associatedData() []byte {
	data := make([]byte, 0, 1+3*4+len(l.Client)+len(l.Kind)+len(l.Key)+8)
	data = append(data, formatTink)
	for _, text := range []string{l.Client, l.Kind, l.Key} {
		data = binary.BigEndian.AppendUint32(data, uint32(len(text)))
		data = append(data, text...)
	}
	return binary.BigEndian.AppendUint64(data, l.Version)
}

//go:build unix

package seal_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/mac"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
)

func TestLoadNamesTheFileAndTheCure(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := "c2VjcmV0LWtleS1tYXRlcmlhbA"
	for name, c := range map[string]struct {
		content []byte
		mode    os.FileMode
		is      error
		cure    string
	}{
		"empty":                    {nil, 0o600, seal.ErrNotKeyset, "datadogoauthctl keyset create"},
		"not JSON":                 {[]byte(secret), 0o600, seal.ErrNotKeyset, "right file"},
		"JSON of something else":   {[]byte(`{"` + secret + `": 1}`), 0o600, seal.ErrNotKeyset, "right file"},
		"key without material":     {[]byte(`{"primaryKeyId":1,"key":[{"status":"ENABLED","keyId":1,"keyData":{"value":"` + secret + `"}}]}`), 0o600, seal.ErrNotKeyset, "right file"},
		"keyset of MACs":           {keysetOf(t, mac.HMACSHA256Tag256KeyTemplate()), 0o600, seal.ErrPrimitive, "datadogoauthctl keyset create"},
		"keyset of short AES keys": {keysetOf(t, aead.AES128GCMKeyTemplate()), 0o600, seal.ErrPrimitive, "datadogoauthctl keyset create"},
		"keyset of another cipher": {keysetOf(t, aead.XChaCha20Poly1305KeyTemplate()), 0o600, seal.ErrPrimitive, "datadogoauthctl keyset create"},
		"a sound one among others": {keysetOf(t, aead.AES256GCMKeyTemplate(), aead.AES128GCMKeyTemplate()), 0o600, seal.ErrPrimitive, "datadogoauthctl keyset create"},
		"readable by the group":    {keysetOf(t, aead.AES256GCMKeyTemplate()), 0o640, seal.ErrExposed, "chmod 600 "},
		"readable by everybody":    {keysetOf(t, aead.AES256GCMKeyTemplate()), 0o644, seal.ErrExposed, "chmod 600 "},
		"writable by the group":    {keysetOf(t, aead.AES256GCMKeyTemplate()), 0o620, seal.ErrExposed, "chmod 600 "},
		"one key, mode 0600":       {keysetOf(t, aead.AES256GCMKeyTemplate()), 0o600, nil, ""},
		"one key, mode 0400":       {keysetOf(t, aead.AES256GCMKeyTemplate()), 0o400, nil, ""},
		"several keys, mode 0600":  {keysetOf(t, aead.AES256GCMKeyTemplate(), aead.AES256GCMKeyTemplate()), 0o600, nil, ""},
		"a key without a prefix":   {keysetOf(t, aead.AES256GCMKeyTemplate(), aead.AES256GCMNoPrefixKeyTemplate()), 0o600, seal.ErrPrimitive, "datadogoauthctl keyset create"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			writeFile(t, path, c.content, c.mode)
			_, err := seal.Load(path)
			if !errors.Is(err, c.is) {
				t.Fatalf("got %v, want %v", err, c.is)
			}
			if err == nil {
				return
			}
			if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), c.cure) || strings.Contains(err.Error(), secret) {
				t.Errorf("must name the file and %q and quote no content, got: %v", c.cure, err)
			}
		})
	}
	missing := filepath.Join(dir, "nothing-there")
	_, err := seal.Load(missing)
	if !errors.Is(err, seal.ErrMissing) || !strings.Contains(err.Error(), "datadogoauthctl keyset create --out "+missing) {
		t.Errorf("missing file: got %v", err)
	}
	if _, err := seal.Load(dir); !errors.Is(err, seal.ErrNotKeyset) {
		t.Errorf("directory: got %v", err)
	}
}

// A kubelet writes ..2026_01_01/tokens, links ..data to that directory and tokens to ..data/tokens.
func TestASecretVolumeMayBeReadableByItsGroup(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode os.FileMode
		is   error
	}{
		"fsGroup":              {0o440, nil},
		"without defaultMode":  {0o644, seal.ErrExposed},
		"writable by fsGroup":  {0o660, seal.ErrExposed},
		"defaultMode and root": {0o400, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.Mkdir(filepath.Join(dir, "..2026_01_01"), 0o700); err != nil {
				t.Fatal(err)
			}
			writeFile(t, filepath.Join(dir, "..2026_01_01", "tokens"), keysetOf(t, aead.AES256GCMKeyTemplate()), c.mode)
			for from, to := range map[string]string{"..data": "..2026_01_01", "tokens": "..data/tokens"} {
				if err := os.Symlink(to, filepath.Join(dir, from)); err != nil {
					t.Fatal(err)
				}
			}
			_, err := seal.Load(filepath.Join(dir, "tokens"))
			if !errors.Is(err, c.is) {
				t.Fatalf("got %v, want %v", err, c.is)
			}
			if err != nil && !strings.Contains(err.Error(), "defaultMode: 0400") {
				t.Errorf("the cure is the volume's, got: %v", err)
			}
		})
	}
}

func TestEveryKeyOfAKeysetOpensAndThePrimaryOneSeals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	load := func(name string, handle *keyset.Handle) *seal.Keyset {
		path := filepath.Join(dir, name)
		writeFile(t, path, jsonOf(t, handle), 0o600)
		ks, err := seal.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		return ks
	}
	before := load("before", handle)
	manager := keyset.NewManagerFromHandle(handle)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.SetPrimary(id); err != nil {
		t.Fatal(err)
	}
	both, err := manager.Handle()
	if err != nil {
		t.Fatal(err)
	}
	after := load("after", both)
	if _, plain, err := after.Open("token", "acme", 7, mustSeal(t, before, label, []byte("old"))); err != nil || string(plain) != "old" {
		t.Errorf("what the first key sealed: %q, %v", plain, err)
	}
	if _, _, err := before.Open("token", "acme", 7, mustSeal(t, after, label, []byte("new"))); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("the new primary key did not seal: %v", err)
	}
}

func TestCreateFileRefusesToOverwriteAndLeavesNothingBeside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "keyset.json")
	if err := seal.CreateFile(path); err != nil {
		t.Fatal(err)
	}
	first, _ := os.ReadFile(path)
	if err := seal.CreateFile(path); !errors.Is(err, seal.ErrExists) {
		t.Errorf("second call: got %v, want ErrExists", err)
	}
	if second, _ := os.ReadFile(path); !bytes.Equal(first, second) {
		t.Error("the second call changed the file")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the directory holds %v", entries)
	}
}

func keysetOf(t *testing.T, templates ...*tinkpb.KeyTemplate) []byte {
	t.Helper()
	manager := keyset.NewManager()
	for _, template := range templates {
		id, err := manager.Add(template)
		if err != nil {
			t.Fatal(err)
		}
		if err := manager.SetPrimary(id); err != nil {
			t.Fatal(err)
		}
	}
	handle, err := manager.Handle()
	if err != nil {
		t.Fatal(err)
	}
	return jsonOf(t, handle)
}

func jsonOf(t *testing.T, handle *keyset.Handle) []byte {
	t.Helper()
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

func writeFile(t *testing.T, path string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // past the umask
		t.Fatal(err)
	}
}

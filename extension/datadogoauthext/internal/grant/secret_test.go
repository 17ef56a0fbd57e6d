package grant

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSecretFileFollowsAProjectedVolume(t *testing.T) {
	t.Parallel()
	// Kubernetes: secret -> ..data/secret, and ..data -> a directory that is swapped by a rename of the link.
	dir := t.TempDir()
	version := func(name, secret string) {
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name, "secret"), []byte(secret), 0o600))
		require.NoError(t, os.Symlink(name, filepath.Join(dir, "..tmp")))
		require.NoError(t, os.Rename(filepath.Join(dir, "..tmp"), filepath.Join(dir, "..data")))
	}
	version("v1", "\n first-secret \n")
	path := filepath.Join(dir, "secret")
	require.NoError(t, os.Symlink(filepath.Join("..data", "secret"), path))
	f, err := OpenSecretFile(path)
	require.NoError(t, err)
	read := func() (string, uint64) {
		secret, stamp, err := f.Read()
		require.NoError(t, err)
		return secret, stamp
	}
	first, stamp := read()
	assert.Equal(t, "first-secret", first)
	version("v2", "\n other-secret \n") // same size
	second, next := read()
	assert.Equal(t, "other-secret", second)
	assert.Greater(t, next, stamp)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "v2", "secret"), []byte("third"), 0o600)) // in place
	third, _ := read()
	assert.Equal(t, "third", third)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "v2", "secret"), []byte(strings.Repeat("x", maxSecretBytes+1)), 0o600))
	_, _, err = f.Read()
	require.ErrorContains(t, err, "nothing but the OAuth client secret")
}

package store_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// Not parallel: another test could have a store open.
func TestWhatWasReadOnceIsNotResident(t *testing.T) {
	path := filepath.Join(t.TempDir(), "grants.db")
	s, err := store.OpenBolt(path, store.BoltOptions{})
	require.NoError(t, err)
	var changes []store.Change
	const records = 2000
	for i := range records {
		changes = append(changes, store.Change{Record: store.Record{Kind: store.KindGrant, Key: fmt.Sprint("tenant-", i), Value: make([]byte, 1000)}})
	}
	require.NoError(t, s.Apply(t.Context(), changes...))
	require.NoError(t, s.Close())

	s, err = store.OpenBolt(path, store.BoltOptions{})
	require.NoError(t, err)
	defer s.Close()
	const little = 200_000 // of two megabytes
	require.Less(t, residentOf(t, path), little, "after the check of all pages")
	for range 2 { // they can be read again
		n := 0
		require.NoError(t, s.List(t.Context(), store.KindGrant, func(r store.Record) error {
			n++
			require.Len(t, r.Value, 1000)
			return nil
		}))
		require.Equal(t, records, n)
		require.Less(t, residentOf(t, path), little, "after all was listed")
	}
	for i := range records {
		_, err := s.Get(context.Background(), store.KindGrant, fmt.Sprint("tenant-", i))
		require.NoError(t, err)
	}
	require.Greater(t, residentOf(t, path), records*1000, "else nothing of this is shown")
}

// residentOf is how much of a file that is mapped is in the memory of this process, in bytes.
func residentOf(t *testing.T, path string) (resident int) {
	t.Helper()
	maps, err := os.Open("/proc/self/smaps")
	require.NoError(t, err)
	defer maps.Close()
	inside, found := false, false
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); strings.Contains(fields[0], "-") {
			inside = strings.HasSuffix(lines.Text(), path)
			found = found || inside
		} else if kilobytes := 0; inside && fields[0] == "Rss:" {
			_, err := fmt.Sscan(fields[1], &kilobytes)
			require.NoError(t, err)
			resident += kilobytes << 10
		}
	}
	require.True(t, found, "%s is not mapped", path)
	return resident
}

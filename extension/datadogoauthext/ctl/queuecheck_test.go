package ctl_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/ctl"
)

// queueFiles makes the files of an exporter of logs and metrics, as file_storage does, each with some hundred entries.
func queueFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"exporter_datadogoauth__logs", "exporter_datadogoauth__parking_logs", "exporter_datadogoauth_eu_metrics",
		"exporter_datadogoauth__event_attempts", "exporter_datadogoauth__delta_state", "receiver_filelog__"} {
		db := openQueueFile(t, filepath.Join(dir, name))
		require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("default"))
			for i := 0; i < 300 && err == nil; i++ {
				err = b.Put(fmt.Appendf(nil, "key/%d", i), bytes.Repeat([]byte{7}, 1000))
			}
			return err
		}))
		require.NoError(t, db.Close())
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes of the operator"), []byte("no database"), 0o600))
	return dir
}

func openQueueFile(t *testing.T, file string) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(file, 0o600, &bbolt.Options{NoSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType, Timeout: time.Second})
	require.NoError(t, err)
	return db
}

func queueCheck(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	err = ctl.Run(t.Context(), append([]string{"queue", "check"}, args...), &out, io.Discard)
	return out.String(), err
}

func TestSoundFilesOfAQueueAreSound(t *testing.T) {
	t.Parallel()
	dir := queueFiles(t)
	db := openQueueFile(t, filepath.Join(dir, "exporter_datadogoauth__logs"))
	require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("default")).Put([]byte("unreadable/0"), []byte("foreign"))
	}))
	_, err := queueCheck(t, "--dir", dir)
	require.ErrorContains(t, err, "in use by a collector")
	require.NoError(t, db.Close())
	require.NoError(t, os.WriteFile(filepath.Join(dir, "exporter_datadogoauth__traces"), nil, 0o600)) // a start was killed

	for _, args := range [][]string{{"--dir", dir}, {"--dir", dir, "--move-away"}} {
		stdout, err := queueCheck(t, args...)
		require.NoError(t, err)
		require.Equal(t, 7, strings.Count(stdout, ": sound, "), stdout)
		require.Contains(t, stdout, "exporter_datadogoauth__logs: sound, 301 entries, 1 of them requests that could not be read")
		require.NotContains(t, stdout, "notes of")
	}
	stdout, err := queueCheck(t, "--dir", filepath.Join(dir, "not there"), "--move-away") // before the first start
	require.NoError(t, err)
	require.Contains(t, stdout, "not there yet")
	_, err = queueCheck(t, "--dir", filepath.Join(dir, "not there"))
	require.ErrorContains(t, err, "no such file")
}

// TestDamagedFilesOfAQueueAreMovedAway damages each file in each of several ways, of which some end a process that opens the file.
func TestDamagedFilesOfAQueueAreMovedAway(t *testing.T) {
	t.Parallel()
	pageSize := os.Getpagesize()
	for name, damage := range map[string]func(file []byte) []byte{
		"the metas": func(file []byte) []byte { return append(make([]byte, 2*pageSize), file[2*pageSize:]...) },
		"cut off":   func(file []byte) []byte { return file[:4*pageSize] },
		"the heads of leaves": func(file []byte) []byte {
			for at := 2 * pageSize; at < len(file); at += pageSize {
				if binary.NativeEndian.Uint64(file[at:]) == uint64(at/pageSize) && file[at+8] == 2 {
					copy(file[at:at+16], bytes.Repeat([]byte{0xa5}, 16))
				}
			}
			return file
		},
		"the elements of leaves": func(file []byte) []byte {
			for at := 2 * pageSize; at < len(file); at += pageSize {
				if binary.NativeEndian.Uint64(file[at:]) == uint64(at/pageSize) && file[at+8] == 2 {
					copy(file[at+16:at+pageSize], bytes.Repeat([]byte{0xa5}, pageSize))
				}
			}
			return file
		},
	} {
		for file, holds := range map[string]string{
			"exporter_datadogoauth__logs": "the queue of logs", "exporter_datadogoauth__parking_logs": "what is parked of logs", "exporter_datadogoauth_eu_metrics": "the queue of metrics",
			"exporter_datadogoauth__event_attempts": "sent twice", "exporter_datadogoauth__delta_state": "a baseline", "receiver_filelog__": "of another component",
		} {
			t.Run(name+" of "+file, func(t *testing.T) {
				t.Parallel()
				dir := queueFiles(t)
				path := filepath.Join(dir, file)
				content, err := os.ReadFile(path)
				require.NoError(t, err)
				content = damage(content)
				require.NoError(t, os.WriteFile(path, content, 0o600))

				stdout, err := queueCheck(t, "--dir", dir)
				require.ErrorContains(t, err, "1 of 6 files are damaged")
				require.Regexp(t, "(?m)^"+file+": DAMAGED: .*"+holds, stdout)
				require.FileExists(t, path)

				stdout, err = queueCheck(t, "--dir", dir, "--move-away")
				require.NoError(t, err)
				require.Regexp(t, "(?m)^"+file+": DAMAGED: .* MOVED to "+path+".*"+holds, stdout)
				require.NoFileExists(t, path)
				moved, err := filepath.Glob(path + ".damaged-*")
				require.NoError(t, err)
				require.Len(t, moved, 1)
				kept, err := os.ReadFile(moved[0])
				require.NoError(t, err)
				require.Equal(t, content, kept)

				stdout, err = queueCheck(t, "--dir", dir)
				require.NoError(t, err)
				require.Equal(t, 5, strings.Count(stdout, ": sound, "), stdout)
			})
		}
	}
}

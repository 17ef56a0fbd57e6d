package durable

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
)

// Create makes the file at path, whole or not at all, and never over another one: fs.ErrExist. build makes it under a temporary name
// beside path. When Create returns nil the file survives a power cut.
//
// The name is taken first, exclusively and empty, and the complete file is moved over it: that works where a file system has no hard
// links. An end of the process in between leaves the empty file.
func Create(path string, build func(temp string) error) (err error) {
	reserved, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err = reserved.Close(); err == nil {
		err = Replace(path, build)
	}
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}

// Replace puts what build makes under a temporary name in the place of the file at path. A reader sees the old file or the new one, and
// when Replace returns nil the new one survives a power cut. One caller at a time may replace a file: temporary files that an end of the
// process left behind are removed.
func Replace(path string, build func(temp string) error) error {
	removeStale(path)
	temp := filepath.Join(filepath.Dir(path), tempPrefix(path)+rand.Text()+tempSuffix)
	defer os.Remove(temp) // does nothing once it is renamed
	if err := build(temp); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Write makes a file with what fill writes, mode 0600, for Create and Replace. fill may read back what it wrote.
func Write(temp string, fill func(*os.File) error) error {
	file, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(fill(file), file.Sync(), file.Close())
}

const tempSuffix = ".temp"

func tempPrefix(path string) string { return "." + filepath.Base(path) + "." }

func removeStale(path string) {
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // a directory may be closed to readers
	}
	for _, entry := range entries {
		if name := entry.Name(); strings.HasPrefix(name, tempPrefix(path)) && strings.HasSuffix(name, tempSuffix) {
			_ = os.Remove(filepath.Join(dir, name))
		}
	}
}

//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package seal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// An edit takes milliseconds, so whoever waits longer waits for a process that hangs.
const (
	lockWait = 10 * time.Second
	lockPoll = 20 * time.Millisecond
)

// lockFile takes the file for this process alone. The lock belongs to the file and not to its name, and each edit puts
// another file under the name: so whoever got the lock looks whether that is still the file that the name means. flock(2)
func lockFile(path string) (unlock func(), err error) {
	for deadline := time.Now().Add(lockWait); ; {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			mine, mineErr := file.Stat()
			named, namedErr := os.Stat(path)
			if mineErr == nil && namedErr == nil && os.SameFile(mine, named) {
				return func() { _ = file.Close() }, nil
			}
		}
		_ = file.Close()
		switch {
		case err != nil && !errors.Is(err, syscall.EWOULDBLOCK):
			return nil, err
		case time.Now().After(deadline):
			return nil, fmt.Errorf("%w for %s", ErrBusy, lockWait)
		}
		<-time.After(lockPoll)
	}
}

// keepOwner gives file the owner that info tells of. Only root can give a file to somebody else.
func keepOwner(file *os.File, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	own, err := file.Stat()
	if err != nil {
		return err
	}
	if have, ok := own.Sys().(*syscall.Stat_t); ok && have.Uid == stat.Uid && have.Gid == stat.Gid {
		return nil
	}
	if err := file.Chown(int(stat.Uid), int(stat.Gid)); err != nil {
		return fmt.Errorf("give the file to its owner: %w; run the command as the user and group that own it, or as root", withoutPath(err))
	}
	return nil
}

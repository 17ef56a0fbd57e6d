package store

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// FAT and exFAT answer EPERM, some network and user-space file systems EOPNOTSUPP or ENOSYS. https://man7.org/linux/man-pages/man2/link.2.html
func TestAFileSystemWithoutHardLinksIsNamed(t *testing.T) {
	t.Parallel()
	for _, errno := range []syscall.Errno{syscall.EPERM, syscall.EOPNOTSUPP, syscall.ENOSYS} {
		err := openError("/mnt/stick/grants.db", linkError(&os.LinkError{Op: "link", Old: "a", New: "b", Err: errno}))
		if !strings.Contains(err.Error(), "/mnt/stick/grants.db: the file system there has no hard links") || !strings.Contains(err.Error(), "ext4") {
			t.Errorf("%v: got %v", errno, err)
		}
	}
	if err := openError("/x/grants.db", linkError(&os.LinkError{Op: "link", Old: "a", New: "b", Err: syscall.ENOSPC})); strings.Contains(err.Error(), "hard links") {
		t.Errorf("a full disk: got %v", err)
	}
}

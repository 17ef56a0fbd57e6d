//go:build unix

package seal

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// checkMode refuses a keyset that somebody else can read or change.
//
// Reading by the group is accepted in one case: where it is the only way in which the collector can get the file at all,
// and where chmod is not the operator's to run. That is a Kubernetes secret volume with fsGroup (files 0440 behind the
// link ..data, which the kubelet writes) and a credential of systemd or a container runtime (0440, owned by another
// user than the collector's). Reading by others is never accepted: Kubernetes mounts secrets 0644 unless told otherwise.
func checkMode(path string, info fs.FileInfo) error {
	mode := info.Mode().Perm()
	switch {
	case mode&0o077 == 0:
		return nil
	case mode&0o077 == 0o040 && (ownedByAnother(info) || inSecretVolume(path)):
		return nil
	case inSecretVolume(path):
		return fmt.Errorf("%w (mode %04o); set defaultMode: 0400 on the secret volume, and fsGroup if the collector does not run as root", ErrExposed, mode)
	default:
		return fmt.Errorf("%w (mode %04o); run: chmod 600 %s", ErrExposed, mode, path)
	}
}

func ownedByAnother(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) != os.Geteuid()
}

// inSecretVolume tells whether path is a link through ..data, the way a kubelet lays out volumes that it projects.
// Whoever could fake that link could replace the keyset as well.
// https://kubernetes.io/docs/concepts/configuration/secret/
func inSecretVolume(path string) bool {
	target, err := os.Readlink(path)
	return err == nil && strings.HasPrefix(filepath.ToSlash(target), "..data/")
}

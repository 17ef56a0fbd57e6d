package ctl

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

var (
	errDamagedQueue = errors.New("files are damaged")
	errNoQueue      = errors.New("no file of file_storage is there")
)

// queueCheck looks for damage in the files of a file_storage, each by itself, and moves what is damaged out of the way if it is asked to.
func queueCheck(ctx context.Context, c *command) error {
	dir := c.flags.String("dir", "", "")
	moveAway := c.flags.Bool("move-away", false, "")
	if err := c.parse(); err != nil {
		return err
	}
	if *dir == "" {
		return c.misused("name the directory of file_storage with --dir")
	}
	names, err := storageFiles(*dir)
	if errors.Is(err, fs.ErrNotExist) && *moveAway {
		return c.printf("%s is not there yet\n", *dir) // before the first start
	}
	if err != nil {
		return c.fault(err, "name the directory that file_storage::directory says, as a user who may read it")
	}
	if len(names) == 0 && !*moveAway {
		return c.fault(fmt.Errorf("%s: %w", *dir, errNoQueue), "name the directory that file_storage::directory says")
	}
	damaged := 0
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return c.fault(err, "run the command again")
		}
		bad, err := c.queueFile(filepath.Join(*dir, name), *moveAway)
		if err != nil {
			return err
		}
		if bad {
			damaged++
		}
	}
	if damaged > 0 && !*moveAway {
		return c.fault(fmt.Errorf("%d of %d %w", damaged, len(names), errDamagedQueue),
			"mend each with the command bbolt, or move it out of the way with --move-away: what it holds is not sent then")
	}
	return nil
}

// queueFile checks one file, and says what it found.
func (c *command) queueFile(file string, moveAway bool) (damaged bool, err error) {
	name := filepath.Base(file)
	found, err := checkStorageFile(file)
	switch {
	case errors.Is(err, errOpenElsewhere):
		return false, c.fault(fmt.Errorf("%s: %w", file, err), "stop the collector first: it opens none of its files twice")
	case err != nil:
		return false, c.fault(err, "run the command as the collector's user")
	case found.damage == nil:
		return false, c.printf("%s: sound, %d entries%s\n", name, found.entries, found.unreadableText())
	case !moveAway:
		return true, c.printf("%s: DAMAGED: %v; it is %s\n", name, found.damage, purpose(name))
	}
	to := file + time.Now().UTC().Format(".damaged-20060102T150405.000Z")
	if err := rename(file, to); err != nil {
		return true, c.fault(fmt.Errorf("move the damaged %s away: %w", file, err), "run the command as the collector's user, who owns the directory")
	}
	return true, c.printf("%s: DAMAGED: %v; MOVED to %s; it was %s\n", name, found.damage, to, purpose(name))
}

// storageName is how file_storage (v0.160.0) names a file: kind, type and name of a component, and what it is for; or a hash of that.
var storageName = regexp.MustCompile(`^((receiver|processor|exporter|extension|connector|other)_.*|[0-9a-f]{64})$`)

// storageFiles are the names of the files of a file_storage, without those that were moved away, here or by file_storage itself.
func storageFiles(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name := e.Name()
		if e.Type().IsRegular() && storageName.MatchString(name) && !strings.Contains(name, ".damaged-") && !strings.HasSuffix(name, ".backup") {
			names = append(names, name)
		}
	}
	return names, nil
}

// purpose is what a file of the exporter holds, and what it costs to do without.
func purpose(name string) string {
	what, ours := strings.CutPrefix(name, "exporter_datadogoauth_")
	signal := what[strings.LastIndex(what, "_")+1:]
	switch {
	case !ours:
		return "of another component, or has a name that is too long to tell"
	case strings.HasSuffix(what, "_event_attempts"):
		return "the notes of events that were sent: without it events that wait in the queue may be sent twice"
	case strings.HasSuffix(what, "_delta_state"):
		return "the state of cumulative series: without it each begins with a baseline"
	case strings.HasSuffix(what, "_parking_"+signal):
		return "what is parked of " + signal + ": without it that data is not sent"
	default:
		return "the queue of " + signal + ": without it that data is not sent"
	}
}

// rename moves a file within its directory, for good.
func rename(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s: %w", to, fs.ErrExist)
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(from))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

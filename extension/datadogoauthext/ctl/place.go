package ctl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// place is where a store lies, as the flags of a command name it. At most one way of naming it is used.
type place struct {
	prefix  string // of its flags
	ways    []string
	file    string
	dsnFile string
	archive string
	admin   admin
}

// The ways of naming a place.
const (
	wayFile    = "store FILE"
	wayDSN     = "postgres-dsn-file FILE"
	wayAdmin   = "admin URL"
	wayArchive = "archive FILE"
)

// placeFlags declares the flags that name a store in one of some ways.
func (c *command) placeFlags(prefix string, ways ...string) *place {
	p := &place{prefix: prefix, ways: ways}
	for _, way := range ways {
		switch way {
		case wayFile:
			c.flags.StringVar(&p.file, prefix+"store", "", "")
		case wayDSN:
			c.flags.StringVar(&p.dsnFile, prefix+"postgres-dsn-file", "", "")
		case wayArchive:
			c.flags.StringVar(&p.archive, prefix+"archive", "", "")
		case wayAdmin:
			c.flags.StringVar(&p.admin.url, prefix+"admin", "", "")
			c.flags.StringVar(&p.admin.tokenFile, prefix+"token-file", "", "")
			c.flags.StringVar(&p.admin.caFile, prefix+"ca-file", "", "")
		}
	}
	if c.flags.Lookup("allow-plaintext") == nil {
		c.flags.BoolVar(&c.allowPlaintext, "allow-plaintext", false, "")
	}
	return p
}

func (p *place) named() bool { return p.count() > 0 }

func (p *place) count() (n int) {
	for _, name := range []string{p.file, p.dsnFile, p.archive, p.admin.url} {
		if name != "" {
			n++
		}
	}
	return n
}

// check refuses flags that name no store or several.
func (p *place) check(c *command) error {
	if p.count() != 1 {
		flags := make([]string, len(p.ways))
		for i, way := range p.ways {
			flags[i] = "--" + p.prefix + way
		}
		return c.misused("name one store, with %s", strings.Join(flags, " or "))
	}
	if p.admin.url == "" && (p.admin.tokenFile != "" || p.admin.caFile != "") {
		return c.misused("--%stoken-file and --%sca-file go with --%sadmin", p.prefix, p.prefix, p.prefix)
	}
	return nil
}

func (p *place) String() string {
	switch {
	case p.file != "":
		return p.file
	case p.dsnFile != "":
		return "the database of " + p.dsnFile
	case p.archive != "":
		return p.archive
	default:
		return "the store of " + p.admin.url
	}
}

// contents is what a store holds. Records of streamed kinds are not in memory.
type contents struct {
	store.Archive
	// streamed calls yield for those, as often as it is called.
	streamed func(yield func(store.Record) error) error
	// exclusive says that nobody else can change the store before release is called.
	exclusive bool
	release   func()
}

// each calls yield for every record.
func (f *contents) each(yield func(store.Record) error) error {
	for _, r := range f.Records {
		if err := yield(r); err != nil {
			return err
		}
	}
	return f.streamed(yield)
}

// archived reads an archive that can be read again, and finds out whether it is whole.
func archived(file io.ReadSeeker) (*contents, error) {
	nothing := func(store.Record) error { return nil }
	archive, err := store.ReadArchiveTo(file, nothing)
	if err != nil {
		return nil, err
	}
	return &contents{Archive: archive, release: func() {}, streamed: func(yield func(store.Record) error) error {
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := store.ReadArchiveTo(file, yield)
		return err
	}}, nil
}

// read reads everything at one moment; Made tells which. The caller calls release.
func (p *place) read(ctx context.Context, c *command) (*contents, error) {
	defer c.working("reading " + p.String())()
	if p.archive != "" {
		file, err := os.Open(p.archive)
		if err != nil {
			return nil, c.fault(err, "name a file that datadogoauthctl store backup wrote")
		}
		found, err := archived(file)
		if err != nil {
			_ = file.Close()
			return nil, c.fault(fmt.Errorf("%s: %w", p.archive, err), "use another backup; nothing of this one was read")
		}
		found.release = func() { _ = file.Close() }
		return found, nil
	}
	if p.admin.url != "" {
		return p.readAdmin(ctx, c)
	}
	st, err := p.open(c)
	if err != nil {
		return nil, err
	}
	found := &contents{Archive: store.Archive{Made: time.Now()}, exclusive: p.file != "", release: func() { _ = st.Close() }}
	found.streamed = func(yield func(store.Record) error) error {
		for _, kind := range store.Kinds() {
			if store.Streamed(kind) {
				if err := st.List(ctx, kind, yield); err != nil {
					return err
				}
			}
		}
		return nil
	}
	errEnough := errors.New("the streamed kinds come last")
	err = st.Snapshot(ctx, func(r store.Record) error {
		if store.Streamed(r.Kind) {
			return errEnough
		}
		found.Records = append(found.Records, r)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err != nil {
		found.release()
		return nil, c.fault(err, p.hint(err))
	}
	return found, nil
}

// readAdmin keeps what a collector sends in a file without a name, sealed as it is.
func (p *place) readAdmin(ctx context.Context, c *command) (*contents, error) {
	file, err := os.CreateTemp("", "datadogoauthctl-*.archive")
	if err != nil {
		return nil, c.fault(err, "make room in the directory for temporary files, or name another one with TMPDIR")
	}
	release := func() { _, _ = file.Close(), os.Remove(file.Name()) }
	if err = p.admin.download(ctx, c, file); err != nil {
		release()
		return nil, err
	}
	_, err = file.Seek(0, io.SeekStart)
	var found *contents
	if err == nil {
		found, err = archived(file)
	}
	if err != nil {
		release()
		return nil, c.fault(err, adminCutHint)
	}
	found.release = release
	return found, nil
}

// snapshotStore is a store that can be read at one moment.
type snapshotStore interface {
	store.Store
	store.Snapshotter
}

// open opens a store file or a database that is there already, for reading.
func (p *place) open(c *command) (snapshotStore, error) {
	if p.dsnFile != "" {
		return p.openPostgres(c, true)
	}
	if _, err := os.Stat(p.file); err != nil {
		return nil, c.fault(err, "name the file of store::path in the collector's configuration")
	}
	st, err := store.OpenBolt(p.file, store.BoltOptions{ReadOnly: true})
	if err != nil {
		return nil, c.fault(err, p.hint(err))
	}
	return st, nil
}

func (p *place) openPostgres(c *command, readOnly bool) (*store.Postgres, error) {
	const most = 64 << 10
	file, err := os.Open(p.dsnFile)
	if err != nil {
		return nil, c.fault(err, "name the file of store::postgres::dsn_file in the collector's configuration")
	}
	defer file.Close()
	raw, err := io.ReadAll(io.LimitReader(file, most))
	if err != nil {
		return nil, c.fault(err, "name a file that holds a connection string and nothing else")
	}
	st, err := store.OpenPostgres(store.PostgresOptions{DSN: strings.TrimSpace(string(raw)), ReadOnly: readOnly, AllowPlaintext: c.allowPlaintext})
	if err != nil {
		return nil, c.fault(err, "write the connection string into "+p.dsnFile+"; --allow-plaintext permits a connection without TLS")
	}
	return st, nil
}

func (p *place) hint(err error) string {
	switch {
	case errors.Is(err, store.ErrLocked):
		return "a collector uses the file: name that collector with --" + p.prefix + "admin URL and --" + p.prefix + "token-file FILE instead, or stop it"
	case errors.Is(err, store.ErrCorrupt):
		return "keep the file aside, and put the last backup into a new store: datadogoauthctl store restore"
	case errors.Is(err, store.ErrUnreachable):
		return "make sure that the database runs and that this machine may connect to it, then run the command again"
	case errors.Is(err, fs.ErrPermission):
		return "run the command as the collector's user"
	default:
		return "nothing was changed"
	}
}

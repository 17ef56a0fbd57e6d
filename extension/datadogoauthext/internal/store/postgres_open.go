package store

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"
)

// PostgresOptions are for OpenPostgres.
type PostgresOptions struct {
	// DSN is a connection string of libpq, in the form of a URL or of key=value pairs. It holds a password: nothing prints it.
	DSN string `json:"-"`
	// MaxConnections is how many sessions this process uses at most, besides the one of Hint. Default 4.
	MaxConnections int
	// ReadOnly is for a collector that only sends: every transaction is READ ONLY, and nothing is migrated, written or leased.
	ReadOnly bool
	// AllowPlaintext lets a connection to another machine be unencrypted.
	AllowPlaintext bool
	// Logger gets what no caller waits for. nil logs nothing.
	Logger *zap.Logger
}

// String and GoString leave the connection string out.
func (o PostgresOptions) String() string {
	return fmt.Sprintf("{MaxConnections:%d ReadOnly:%t AllowPlaintext:%t}", o.MaxConnections, o.ReadOnly, o.AllowPlaintext)
}

// GoString is String, for %#v.
func (o PostgresOptions) GoString() string { return o.String() }

const defaultMaxConnections = 4

// OpenPostgres reads the connection string and what it names (a password file, certificates), and calls nobody. The first call of a
// method connects and, unless ReadOnly, brings the tables up to date. A database that is down is ErrUnreachable from each call, until
// it is up.
func OpenPostgres(opts PostgresOptions) (*Postgres, error) {
	config, err := parseDSN(opts)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL store: %w", err)
	}
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	connections := defaultMaxConnections
	if opts.MaxConnections > 0 {
		connections = min(opts.MaxConnections, 1000)
	}
	pool, err := newPool(config, connections, usualLimits)
	if err != nil {
		return nil, fmt.Errorf("open PostgreSQL store %s: %w", placeOf(config), err)
	}
	self := make([]byte, 8)
	_, _ = rand.Read(self) // never fails
	return &Postgres{
		pool:     pool,
		listen:   config.Copy(),
		place:    placeOf(config),
		self:     hex.EncodeToString(self),
		readOnly: opts.ReadOnly,
		logger:   opts.Logger,
		hints:    make(chan struct{}, 1),
		ends:     make(chan struct{}),
	}, nil
}

// parseDSN quotes neither the string nor what pgconn says about it: that repeats the string, and hides what it takes for the password.
func parseDSN(opts PostgresOptions) (*pgconn.Config, error) {
	if opts.DSN == "" {
		return nil, errors.New("the connection string is empty; write postgres://user:password@host:5432/database?sslmode=verify-full")
	}
	config, err := pgconn.ParseConfig(opts.DSN)
	if err == nil && splitsPassword(opts.DSN) {
		err = errors.New("it has an @ behind its host")
	}
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return nil, fmt.Errorf("a file that the connection string names cannot be read: %s: %w; let the collector's user read it", filepath.Base(pathErr.Path), pathErr.Err)
	}
	if err != nil {
		return nil, errors.New("the connection string cannot be parsed (it is not shown, since it holds a password); " +
			"write postgres://user:password@host:5432/database?sslmode=verify-full, with special characters of user and password percent-encoded")
	}
	if !opts.AllowPlaintext {
		if err := checkEncrypted(config); err != nil {
			return nil, err
		}
	}
	if t := config.ConnectTimeout; t <= 0 || t > connTimeout {
		config.ConnectTimeout = connTimeout
	}
	maps.DeleteFunc(config.RuntimeParams, func(name, _ string) bool { return isPoolSetting(name) })
	return config, nil
}

// splitsPassword: a URL with an @ behind its host and port, which is what it looks like when a slash, a question mark or a hash in a
// password is not percent-encoded. The text before that character is then taken for a port, and the rest of the password for the
// database, which errors name.
func splitsPassword(dsn string) bool {
	if !strings.HasPrefix(dsn, "postgres://") && !strings.HasPrefix(dsn, "postgresql://") {
		return false
	}
	_, address, _ := strings.Cut(dsn, "://")
	end := strings.IndexAny(address, "/?#")
	return end >= 0 && strings.Contains(address[end:], "@")
}

// isPoolSetting: a setting for pools of other programs, which a connection string that is theirs as well may hold. The server would
// refuse it, and this store has its own.
func isPoolSetting(name string) bool {
	return strings.HasPrefix(name, "pool_") || slices.Contains([]string{"default_query_exec_mode", "statement_cache_capacity", "description_cache_capacity"}, name)
}

// checkEncrypted refuses a string with which a session, or an attempt after a failed one, could go unencrypted to another machine.
// sslmode prefer, the default of libpq, is such a string: whoever sits in between only has to refuse TLS.
func checkEncrypted(config *pgconn.Config) error {
	refuse := func(host string) error {
		return fmt.Errorf("the connection to %.100s could be unencrypted; add sslmode=verify-full and sslrootcert to the connection string (sslmode=require encrypts without proof of who answers)", host)
	}
	if config.TLSConfig == nil && !staysHere(config.Host) {
		return refuse(config.Host)
	}
	for _, fallback := range config.Fallbacks {
		if fallback.TLSConfig == nil && !staysHere(fallback.Host) {
			return refuse(fallback.Host)
		}
	}
	return nil
}

// staysHere: a Unix socket, named by its directory, or loopback.
func staysHere(host string) bool {
	if filepath.IsAbs(host) || host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func placeOf(config *pgconn.Config) string {
	return fmt.Sprintf("%.100s/%.63s", net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))), config.Database)
}

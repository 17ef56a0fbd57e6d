package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgFailure is what is told of an error of PostgreSQL or of the way to it. It wraps none of pgconn's own errors: those hold the
// connection's configuration, and so the password.
type pgFailure struct {
	text string
	is   []error
}

func (e *pgFailure) Error() string   { return e.text }
func (e *pgFailure) Unwrap() []error { return e.is }

// failed puts the place and the advice around an error.
func (s *Postgres) failed(attempt string, err error) error {
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrConflict), errors.Is(err, ErrHeld), errors.Is(err, ErrCursorGone):
		return fmt.Errorf("%s: %w", attempt, err) // everyday answers, which callers compare and rarely print
	case s.closed.Load():
		return fmt.Errorf("%s: %s: %w", attempt, s, errClosed)
	}
	what, advice, is := explain(err)
	if what == "" {
		return fmt.Errorf("%s: %s: %w", attempt, s, err) // an error of this package, with its advice in it
	}
	if unknown := (*outcomeUnknown)(nil); errors.As(err, &unknown) {
		advice = "whether it was written is unknown until the record is read again"
	}
	text := fmt.Sprintf("%s: %s: %s", attempt, s, what)
	if len(is) > 0 {
		text = fmt.Sprintf("%s: %s: %s: %s", attempt, s, is[0], what)
	}
	if advice != "" {
		text += "; " + advice
	}
	return &pgFailure{text: text, is: is}
}

// explain returns what happened in bounded words, what to do, and the errors that it is. what is "" for an error of this package.
//
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func explain(err error) (what, advice string, is []error) {
	pgErr := (*pgconn.PgError)(nil)
	switch {
	case errors.As(err, &pgErr):
		advice, is = explainCode(pgErr.Code)
		if connectErr := (*pgconn.ConnectError)(nil); len(is) == 0 && errors.As(err, &connectErr) {
			is = []error{ErrUnreachable} // refused at the door, for whatever reason
		}
		return fmt.Sprintf("%s (SQLSTATE %.5s)", bounded(pgErr.Message), pgErr.Code), advice, is
	case errors.Is(err, context.Canceled):
		return "given up by the caller", "", []error{context.Canceled}
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time", "the store goes on by itself when the database does", []error{ErrUnreachable, context.DeadlineExceeded}
	case isLost(err):
		return bounded(err.Error()), "the store goes on by itself when the database does", []error{ErrUnreachable}
	default:
		return "", "", nil
	}
}

func explainCode(code string) (advice string, is []error) {
	switch {
	case code == "28P01", code == "28000":
		return "the database refuses the user or its password: correct the connection string, or the password of the role with ALTER ROLE", []error{ErrUnreachable}
	case code == "3D000":
		return "create that database, or name another one in the connection string", []error{ErrUnreachable}
	case code == "42501":
		return "the role lacks a right: the writing role must own the schema datadogoauth or may create it, a read-only one needs USAGE on it and SELECT on migrations, commits, records and deletions", nil
	case code == "42P01", code == "3F000", code == "42703":
		return "the tables of the store are gone or changed: restore them, or name the right database in the connection string", nil
	case code == "53100":
		return "nothing was changed; make room on the disk of the database, the collector goes on by itself", []error{ErrFull}
	case code == "53300":
		return "the server has no session left: allow more, or set fewer connections for each collector", []error{ErrUnreachable}
	case code == "55P03", code == "57014":
		return "nothing was changed; another session held on to a row for too long: look for it in pg_stat_activity", []error{ErrUnreachable}
	case code == "25006":
		return "the server is a standby or read-only: name the primary, or all hosts with target_session_attrs=read-write, in the connection string", []error{ErrUnreachable}
	case isUndoneCode(code):
		return "nothing was changed; too many sessions write at once", []error{ErrUnreachable}
	case isLostCode(code):
		return "the store goes on by itself when the database does", []error{ErrUnreachable}
	default:
		return "", nil
	}
}

// isLost: the session is of no use any more, or there is none.
func isLost(err error) bool {
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) {
		return isLostCode(pgErr.Code) || pgErr.Code == "25006"
	}
	var (
		netErr     net.Error
		connectErr *pgconn.ConnectError
	)
	return errors.As(err, &netErr) || errors.As(err, &connectErr) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// isLostCode: shutting down, crashed, starting up, or any trouble of the connection. PgBouncer has 08P01 for most of its own.
func isLostCode(code string) bool {
	return slices.Contains([]string{"57P01", "57P02", "57P03", "57P04", "57P05"}, code) || strings.HasPrefix(code, "08")
}

// isUndone: the server says that it has rolled the transaction back, or refused it, for a reason that may be gone at once.
func isUndone(err error) bool {
	pgErr := (*pgconn.PgError)(nil)
	return errors.As(err, &pgErr) && (isUndoneCode(pgErr.Code) || pgErr.Code == "25006")
}

// isUndoneCode: a serialization failure, which the default isolation of a database can cause, or a deadlock.
func isUndoneCode(code string) bool { return code == "40001" || code == "40P01" }

// bounded makes one line of at most 200 characters.
func bounded(text string) string {
	return fmt.Sprintf("%.200s", strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "?"))
}

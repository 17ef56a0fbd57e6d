package datadogoauthext

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/seal"
	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/store"
)

// options opens what the grants work with. What it opened is in e.stores, also after an error.
func (e *datadogOAuth) options(ctx context.Context) (grant.Options, error) {
	opts := grant.Options{Logger: e.set.Logger, StopWithToken: e.cfg.StopWithoutToken, SendOnly: e.cfg.sendOnly(), Tenants: e.cfg.Tenants}
	var err error
	if opts.Clients, err = e.clients(); err != nil {
		return opts, err
	}
	if opts.Tokens, opts.Keys, err = e.keysets(); err != nil {
		return opts, err
	}
	opts.Audit, opts.Settings = grant.AuditOptions(e.cfg.Audit), e.senders.besides(e.settings(opts.Tokens, opts.Keys))
	calls := e.cfg.HTTP
	if !calls.ForceAttemptHTTP2 {
		calls.HTTP2ReadIdleTimeout = 0 // confighttp would turn HTTP/2 on for it
	}
	if opts.HTTP, err = calls.ToClient(ctx, nil, e.set.TelemetrySettings); err != nil {
		return opts, fmt.Errorf("http: %w", err)
	}
	if pg := e.cfg.Store.Postgres.Get(); pg != nil {
		err = e.openPostgres(pg, &opts)
	} else {
		err = e.openBolt(ctx, &opts)
	}
	if err == nil && opts.SendOnly {
		opts.Copy, err = e.openCopy(ctx)
	}
	return opts, err
}

// openBolt opens the embedded store and proves the keysets at once, so that the wrong one fails the start.
func (e *datadogOAuth) openBolt(ctx context.Context, opts *grant.Options) error {
	bolt, err := store.OpenBolt(e.cfg.Store.Path, store.BoltOptions{})
	if err != nil {
		return fmt.Errorf("store::path: %w", err)
	}
	e.stores = append(e.stores, bolt)
	opts.Store = bolt
	return prove(ctx, *opts)
}

// openPostgres leaves every question to the database for later, when the grants are loaded: a collector starts while it is down.
func (e *datadogOAuth) openPostgres(cfg *PostgresConfig, opts *grant.Options) error {
	dsn, err := os.ReadFile(cfg.DSNFile)
	if err != nil {
		return fmt.Errorf("store::postgres::dsn_file: %w; write a connection string into it, such as postgres://user:password@host/database?sslmode=verify-full", err)
	}
	pg, err := store.OpenPostgres(store.PostgresOptions{
		DSN: strings.TrimSpace(string(dsn)), MaxConnections: cfg.MaxConnections, ReadOnly: opts.SendOnly, AllowPlaintext: cfg.AllowPlaintext, Logger: e.set.Logger,
	})
	if err != nil {
		return fmt.Errorf("store::postgres: %w", err)
	}
	e.stores = append(e.stores, pg)
	opts.Store = pg
	proof := *opts
	opts.Prepare = func(ctx context.Context) error { return prove(ctx, proof) }
	return nil
}

// prove makes sure that the keysets are those of the store. A collector that only sends has one of them, and may write nothing.
func prove(ctx context.Context, opts grant.Options) error {
	if opts.SendOnly {
		return proved("seal::keys_keyset_file", seal.Check(ctx, opts.Store, "keys", opts.Keys))
	}
	if err := seal.Prove(ctx, opts.Store, "tokens", opts.Tokens); err != nil {
		return proved("seal::tokens_keyset_file", err)
	}
	return proved("seal::keys_keyset_file", seal.Prove(ctx, opts.Store, "keys", opts.Keys))
}

// proved is under, where it is not the keyset's fault that nothing could be proved.
func proved(key string, err error) error {
	if errors.Is(err, store.ErrUnreachable) {
		key = "store::postgres"
	}
	return under(key, err)
}

// openCopy opens what a collector that only sends read from the database before it ended. It takes no file in use that is anything else:
// what a copy held is replaced by what the database holds. A damaged file is kept under another name, since nobody can tell what it was.
func (e *datadogOAuth) openCopy(ctx context.Context) (store.Store, error) {
	path := e.cfg.Store.Copy
	if path == "" {
		e.set.Logger.Warn("This collector cannot start to send while the database is down; name a file for a sealed copy of what it reads", zap.String("key", "store::copy"))
		return nil, nil
	}
	bolt, err := store.OpenBolt(path, store.BoltOptions{})
	if errors.Is(err, store.ErrCorrupt) {
		aside := path + ".damaged"
		e.set.Logger.Warn("The copy of the store is damaged; making another one", zap.String("key", "store::copy"), zap.String("kept", aside), zap.Error(err))
		if err = os.Rename(path, aside); err == nil {
			bolt, err = store.OpenBolt(path, store.BoltOptions{})
		}
	}
	if err != nil {
		return nil, fmt.Errorf("store::copy: %w", err)
	}
	e.stores = append(e.stores, bolt)
	return bolt, under("store::copy", grant.CheckCopy(ctx, bolt))
}

// clients opens every secret file.
func (e *datadogOAuth) clients() ([]grant.ClientConfig, error) {
	var clients []grant.ClientConfig
	var errs []error
	for name, c := range e.cfg.Clients {
		secret, err := grant.OpenSecretFile(c.ClientSecretFile)
		if err != nil {
			errs = append(errs, under("clients::"+name+"::client_secret_file", err))
			continue
		}
		clients = append(clients, grant.ClientConfig{Name: name, ClientID: c.ClientID, Stage: c.Stage, RedirectURL: c.RedirectURL, Secret: secret})
	}
	return clients, errors.Join(errs...)
}

// keysets loads both; a collector that only sends has no tokens.
func (e *datadogOAuth) keysets() (tokens, keys *seal.Keyset, err error) {
	var tokensErr error
	if !e.cfg.sendOnly() {
		tokens, tokensErr = seal.Load(e.cfg.Seal.TokensKeysetFile)
	}
	keys, keysErr := seal.Load(e.cfg.Seal.KeysKeysetFile)
	return tokens, keys, errors.Join(under("seal::tokens_keyset_file", tokensErr), under("seal::keys_keyset_file", keysErr))
}

// under names the key that the operator must edit. Nil stays nil.
func under(key string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", key, err)
}

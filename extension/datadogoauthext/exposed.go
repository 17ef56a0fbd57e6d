package datadogoauthext

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

// warnExposed logs each file with a secret that every user of the machine can read or change. It refuses none: in a container
// there may be no other user, and Kubernetes mounts secrets 0644 unless told otherwise. Keysets are refused, by package seal.
func (e *datadogOAuth) warnExposed() {
	for _, name := range slices.Sorted(maps.Keys(e.cfg.Clients)) {
		e.warnIfExposed("clients::"+name+"::client_secret_file", e.cfg.Clients[name].ClientSecretFile)
	}
	if pg := e.cfg.Store.Postgres.Get(); pg != nil {
		e.warnIfExposed("store::postgres::dsn_file", pg.DSNFile)
	}
	if cfg := e.cfg.Flow.Get(); cfg != nil {
		if tickets := cfg.Tickets.Get(); tickets != nil && strings.HasPrefix(tickets.Algorithm, "HS") { // other keys are public
			for i, k := range tickets.Keys {
				e.warnIfExposed("flow::tickets::keys::"+strconv.Itoa(i)+"::file", k.File)
			}
		}
		if cfg.RequestsPerMinute != nil && *cfg.RequestsPerMinute > 0 && cfg.TLSAtProxy {
			e.set.Logger.Warn("All customers share the address of the proxy, and so the bound on requests of one address; let the proxy bound them, and set this to 0",
				zap.String("key", "flow::requests_per_minute"))
		}
	}
	if cfg := e.cfg.Admin.Get(); cfg != nil {
		for i, t := range cfg.Tokens {
			e.warnIfExposed("admin::tokens::"+strconv.Itoa(i)+"::file", t.File)
		}
	}
}

func (e *datadogOAuth) warnIfExposed(key, file string) {
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm()&0o007 == 0 || runtime.GOOS == "windows" { // where modes say nothing
		return // a file that cannot be read is an error elsewhere
	}
	e.set.Logger.Warn("A file with a secret can be read or changed by every user of this machine; run chmod 600 on it, or set defaultMode: 0400 on its volume",
		zap.String("key", key), zap.String("file", file), zap.Stringer("mode", info.Mode().Perm()))
}

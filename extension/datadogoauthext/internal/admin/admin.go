package admin

import (
	"net/http"

	"go.uber.org/zap"
)

// Options are for New.
type Options struct {
	Grants Grants
	// Tokens let people and programs in. Without any, everything but /v1/ready answers 401.
	Tokens []Token
	// Logger may be nil.
	Logger *zap.Logger
	// PublicURL is the base URL that customers reach; the status page shows it.
	PublicURL string
	// Endpoint is the address that the listener is configured with, such as "localhost:8445" or "0.0.0.0:8445".
	Endpoint string
	// Hosts are further names under which the listener is reached, without a port.
	Hosts []string
}

// Admin serves the API and the status page. Build one with New.
type Admin struct {
	grants    Grants
	tokens    []Token
	logger    *zap.Logger
	publicURL string
	hosts     hosts
	lockedOut lockedOut
}

// New does no I/O. Call CheckTokens before the listener opens.
func New(opts Options) *Admin {
	logger := opts.Logger
	if logger == nil {
		logger = zap.NewNop()
	}
	return &Admin{
		grants:    opts.Grants,
		tokens:    opts.Tokens,
		logger:    logger,
		publicURL: opts.PublicURL,
		hosts:     newHosts(opts.Endpoint, opts.Hosts),
	}
}

// Handler returns the whole admin listener. The caller sets read and write timeouts on the server.
func (a *Admin) Handler() http.Handler {
	guarded := http.NewServeMux()
	guarded.HandleFunc("GET /{$}", a.page)
	guarded.HandleFunc("GET /status.css", style)
	guarded.HandleFunc("GET /v1/tenants", a.bearer(a.listTenants, RoleRead, RoleOperate))
	guarded.HandleFunc("GET /v1/tenants/{tenant}", a.bearer(a.oneTenant, RoleRead, RoleOperate))
	guarded.HandleFunc("POST /v1/tenants/{tenant}/pause", a.order("pause", reason, Orders.Pause))
	guarded.HandleFunc("POST /v1/tenants/{tenant}/resume", a.order("resume", nothing, silent(Orders.Resume)))
	guarded.HandleFunc("POST /v1/tenants/{tenant}/disconnect", a.order("disconnect", reason, Orders.Disconnect))
	guarded.HandleFunc("POST /v1/tenants/{tenant}/mint", a.order("mint", nothing, silent(Orders.MintAgain)))
	guarded.HandleFunc("POST /v1/tenants/{tenant}/change/confirm", a.order("confirm change", orgID, Orders.ConfirmChange))
	guarded.HandleFunc("POST /v1/tenants/{tenant}/change/reject", a.order("reject change", nothing, silent(Orders.RejectChange)))
	guarded.HandleFunc("GET /v1/changes", a.bearer(a.listChanges, RoleRead, RoleOperate))
	guarded.HandleFunc("GET /v1/revocations", a.bearer(a.listRevocations, RoleRead, RoleOperate))
	guarded.HandleFunc("GET /v1/incidents", a.bearer(a.listIncidents, RoleRead, RoleOperate))
	guarded.HandleFunc("POST /v1/invitations", a.bearer(a.invite, RoleConnect, RoleOperate))
	guarded.HandleFunc("GET /v1/invitations", a.bearer(a.listInvitations, RoleRead, RoleOperate))
	guarded.HandleFunc("DELETE /v1/invitations/{id}", a.bearer(a.revokeInvitation, RoleOperate))
	guarded.HandleFunc("GET /v1/store/archive", a.bearer(a.archive, RoleOperate))
	guarded.HandleFunc("GET /v1/quarantine", a.bearer(a.quarantine, RoleRead, RoleOperate))
	guarded.HandleFunc("POST /v1/quarantine/end", a.bearer(a.endQuarantine, RoleOperate))

	all := http.NewServeMux()
	all.HandleFunc("GET /v1/ready", a.ready)
	all.Handle("/", a.hosts.only(notFoundAsProblem(guarded)))
	return withHeaders(all)
}

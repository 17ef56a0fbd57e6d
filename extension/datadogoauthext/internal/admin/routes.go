package admin

import "net/http"

// Route is one method and path that the listener answers, and who may use it.
type Route struct {
	Method string
	// Path is as http.ServeMux reads it: {name} stands for one segment, and {$} at the end for nothing more.
	Path string
	// Roles may use it. None means anybody.
	Roles []Role
	// Page tells what a session opens from the API, which wants a bearer token with each request.
	Page bool
	// AnyHost is answered whatever the Host, and without a limit: it is for probes.
	AnyHost bool

	handler http.HandlerFunc
}

// Routes returns everything that the listener answers. Handler is made of it, and so are the comparisons with the OpenAPI document and
// with what the public listener answers.
func (a *Admin) Routes() []Route {
	return append(a.pages(), a.api()...)
}

// pages are for people.
func (a *Admin) pages() []Route {
	return append([]Route{
		{Method: "GET", Path: "/login", Page: true, handler: a.loginPage},
		{Method: "POST", Path: "/login", Page: true, handler: limited(a.logins, http.HandlerFunc(a.login)).ServeHTTP},
		a.post("/logout", a.logout, RoleRead, RoleOperate, RoleConnect),
		{Method: "GET", Path: "/status.css", Page: true, handler: asset("status.css", "text/css; charset=utf-8")},
		{Method: "GET", Path: "/status.js", Page: true, handler: asset("status.js", "text/javascript; charset=utf-8")},
	}, a.console()...)
}

// api is for programs.
func (a *Admin) api() []Route {
	return []Route{
		{Method: "GET", Path: "/v1/ready", AnyHost: true, handler: a.ready},
		{Method: "GET", Path: "/v1/openapi.json", handler: a.openAPI},
		a.call("GET", "/v1/tenants", a.listTenants, RoleRead, RoleOperate),
		a.call("GET", "/v1/tenants/{tenant}", a.oneTenant, RoleRead, RoleOperate),
		a.call("POST", "/v1/tenants/{tenant}/pause", a.order("pause", reason, Orders.Pause), RoleOperate),
		a.call("POST", "/v1/tenants/{tenant}/resume", a.order("resume", nothing, silent(Orders.Resume)), RoleOperate),
		a.call("POST", "/v1/tenants/{tenant}/disconnect", a.order("disconnect", reason, Orders.Disconnect), RoleOperate),
		a.call("POST", "/v1/tenants/{tenant}/mint", a.order("mint", nothing, silent(Orders.MintAgain)), RoleOperate),
		a.call("POST", "/v1/tenants/{tenant}/refresh", a.order("refresh", nothing, silent(Orders.Refresh)), RoleOperate),
		a.call("POST", "/v1/tenants/{tenant}/change/confirm", a.order("confirm change", orgID, Orders.ConfirmChange), RoleOperate),
		a.call("POST", "/v1/tenants/{tenant}/change/reject", a.order("reject change", nothing, silent(Orders.RejectChange)), RoleOperate),
		a.call("POST", "/v1/tenants/{tenant}/checks", a.startCheck, RoleOperate),
		a.call("GET", "/v1/tenants/{tenant}/checks/latest", a.latestCheck, RoleRead, RoleOperate),
		a.call("DELETE", "/v1/tenants/{tenant}/checks/latest", a.stopCheck, RoleOperate),
		a.call("GET", "/v1/tenants/{tenant}/checks/latest/report", a.downloadReport, RoleRead, RoleOperate),
		a.call("GET", "/v1/checks", a.listChecks, RoleRead, RoleOperate),
		a.call("GET", "/v1/changes", a.listChanges, RoleRead, RoleOperate),
		a.call("GET", "/v1/revocations", a.listRevocations, RoleRead, RoleOperate),
		a.call("GET", "/v1/incidents", a.listIncidents, RoleRead, RoleOperate),
		a.call("GET", "/v1/audit", a.listAudit, RoleRead, RoleOperate),
		a.call("POST", "/v1/invitations", a.invite, RoleConnect, RoleOperate),
		a.call("GET", "/v1/invitations", a.listInvitations, RoleRead, RoleOperate),
		a.call("DELETE", "/v1/invitations/{id}", a.revokeInvitation, RoleOperate),
		a.call("GET", "/v1/store/archive", a.archive, RoleOperate),
		a.call("GET", "/v1/quarantine", a.quarantine, RoleRead, RoleOperate),
		a.call("POST", "/v1/quarantine/end", a.endQuarantine, RoleOperate),
	}
}

// call, get and post are routes of the API, of pages and of what forms on pages send.
func (a *Admin) call(method, path string, next http.HandlerFunc, roles ...Role) Route {
	return Route{Method: method, Path: path, Roles: roles, handler: a.bearer(next, roles...)}
}

func (a *Admin) get(path string, next pageFunc, roles ...Role) Route {
	return Route{Method: "GET", Path: path, Roles: roles, Page: true, handler: a.view(next, roles...)}
}

func (a *Admin) post(path string, next pageFunc, roles ...Role) Route {
	return Route{Method: "POST", Path: path, Roles: roles, Page: true, handler: a.form(next, roles...)}
}

// Handler returns the whole admin listener. The caller sets read and write timeouts on the server.
func (a *Admin) Handler() http.Handler {
	all, guarded := http.NewServeMux(), http.NewServeMux()
	for _, r := range a.Routes() {
		guarded.HandleFunc(r.Method+" "+r.Path, r.handler)
		if r.AnyHost {
			all.HandleFunc(r.Method+" "+r.Path, r.handler)
		}
	}
	answers := notFoundAsProblem(guarded)
	all.Handle("/", a.hosts.only(a.unlessForeign(limited(a.requests, answers), limited(a.visits, answers))))
	return withHeaders(all)
}

package admin

import "net/http"

// login lets a person at a browser see the status page: HTTP Basic (RFC 7617), the user being the name of a token and the
// password the token. It answers the request itself, and returns false, where it does not.
//
// Basic is for reading only. A browser sends it along with requests that foreign pages start, so nothing that changes
// anything may accept it.
func (a *Admin) login(w http.ResponseWriter, r *http.Request) bool {
	user, password, _ := r.BasicAuth()
	token, ok := a.match(password)
	if !ok || token.Name != user {
		w.Header().Set("WWW-Authenticate", `Basic realm="datadogoauth admin", charset="UTF-8"`)
		http.Error(w, "Log in with the name of an admin token as user and the token as password.", http.StatusUnauthorized)
		return false
	}
	if token.Role != RoleRead && token.Role != RoleOperate {
		http.Error(w, refusedRole(token, []Role{RoleRead, RoleOperate}), http.StatusForbidden)
		return false
	}
	return true
}

package oauth

import (
	"bytes"
	"html/template"
	"net/http"

	"github.com/datadogoauth/otelcol-datadogoauth/testbed/standin/hosts"
)

type pageData struct {
	Consent, Client, Hint string
	Scopes                []string
	Orgs                  []Org
	Sites                 []hosts.Site // empty where the host settles the site
}

var consentTemplate = template.Must(template.New("consent").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Authorize {{.Client}}</title></head>
<body><main>
<p>Stand-in for Datadog: nothing here reaches Datadog.</p>
<h1>{{.Client}} wants to access your Datadog organization</h1>
<ul>{{range .Scopes}}<li>{{.}}</li>{{end}}</ul>
<form method="post" action="/oauth2/v1/authorize">
<input type="hidden" name="consent" value="{{.Consent}}">
{{if .Sites}}<p><label for="site">Site</label> <select id="site" name="site">
<option value="">as the organization below</option>
{{range .Sites}}<option value="{{.Domain}}">{{.Name}} ({{.Domain}})</option>
{{end}}</select></p>
{{end}}<p><label for="org">Organization</label> <select id="org" name="org">
{{$hint := .Hint}}{{range .Orgs}}<option value="{{.ID}}"{{if eq .ID $hint}} selected{{end}}>{{.Name}} ({{.Site}})</option>
{{end}}</select></p>
<p><button type="submit" name="action" value="authorize">Authorize</button>
<button type="submit" name="action" value="deny">Deny</button></p>
</form>
</main></body></html>
`))

var errorTemplate = template.Must(template.New("error").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Authorization error</title></head>
<body><main><h1>Authorization error</h1><p>{{.}}</p></main></body></html>
`))

func consentPage(rw http.ResponseWriter, d pageData) {
	writePage(rw, http.StatusOK, consentTemplate, d)
}

func errorPage(rw http.ResponseWriter, status int, text string) {
	writePage(rw, status, errorTemplate, text)
}

func writePage(rw http.ResponseWriter, status int, t *template.Template, data any) {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		http.Error(rw, "page: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	// No form-action: browsers would apply it to the redirect that follows the form too.
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
	rw.WriteHeader(status)
	rw.Write(b.Bytes())
}

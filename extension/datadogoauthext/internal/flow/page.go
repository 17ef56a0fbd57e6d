package flow

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"

	"go.uber.org/zap"
)

//go:embed pages
var pageFiles embed.FS

//go:embed pages/style.css
var style string

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(style) },
}).ParseFS(pageFiles, "pages/*.html"))

// styleHash allows the one style element of every page. https://www.w3.org/TR/CSP3/#grammardef-hash-source
var styleHash = func() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

type connectData struct {
	Partner, Tenant, Origin, Start string
	Test                           bool
}

type connectedData struct{ Partner, Tenant, Org, Site, Last4 string }

type pendingData struct{ Partner, Tenant string }

type messageData struct {
	Partner, Title, Text string
	Again                string // path of the page to begin again at; may be empty
}

// fail counts an outcome and shows what the customer can do.
func (f *Flow) fail(w http.ResponseWriter, r *http.Request, status int, outcome, text string) {
	f.count(r.Context(), outcome)
	f.message(w, status, notConnected, text)
}

// withoutLink words what a customer can do who has no connect link.
var withoutLink = strings.NewReplacer(
	" "+again, "", "Open the connect link again", "Begin again", "open the connect link again", "begin again",
	"whoever sent you the link", "whoever sent you here", "whoever sent it", "whoever sent you here",
)

// failAgain is fail for customers who came through the partner's login: they can begin again there.
func (f *Flow) failAgain(w http.ResponseWriter, r *http.Request, status int, outcome, text string) {
	f.count(r.Context(), outcome)
	f.render(w, status, "message.html", messageData{Partner: f.PartnerName, Title: notConnected, Text: withoutLink.Replace(text), Again: f.prefix + "/connect"})
}

const notConnected = "Not connected"

func (f *Flow) message(w http.ResponseWriter, status int, title, text string) {
	f.render(w, status, "message.html", messageData{Partner: f.PartnerName, Title: title, Text: text})
}

// render writes a whole page or none.
func (f *Flow) render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		f.Logger.Error("A page could not be made", zap.String("page", name), zap.Error(err))
		http.Error(w, "this page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

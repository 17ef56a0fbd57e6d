package flow

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"

	"go.uber.org/zap"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/lang"
	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

//go:embed pages
var pageFiles embed.FS

//go:embed pages/style.css
var style string

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(style) },
	"plain": plain,
}).ParseFS(pageFiles, "pages/*.html"))

// styleHash allows the one style element of every page. https://www.w3.org/TR/CSP3/#grammardef-hash-source
var styleHash = func() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

// page is what a page is made of, and what its words may name. What one has no value for is empty.
type page struct {
	Message string        // id of its message
	Login   bool          // the customer came through the partner's login, so there is no link, and they can begin again at Begin
	Either  bool          // it is not known whether they did, or opened a link; never set where customers come by links only
	Tenant  template.HTML // a name, as Org and Partner: see isolate
	Org     template.HTML
	Last4   string
	Site    site.Site // where the organisation is
	Started site.Site // where the consent began
	Meant   site.Site // what a wrong site was probably meant to be
	Vanity  string    // the organisation's own app origin
	Change  bool      // a change of organisation waits, and data goes where it went
	Minutes int       // to wait
	Retry   string    // address of the form that tries for the API key again
	Seconds int       // to wait before that; 0: none
	form

	// What render fills in.
	Lang       lang.Lang
	Partner    template.HTML
	Support    string
	SupportURL string
	Begin      string
	words      *words
}

// form is the page that asks for a consent.
type form struct {
	Start   string // sealed
	Origin  string // where the consent will begin; empty where the customer chooses
	Test    bool
	Check   bool   // the consent connects nothing
	Address string // what the customer wrote in place of a choice
	Wrong   bool   // it is none of Datadog's
}

// isolate makes HTML of a name, which in whatever script does not change the order of what stands around it: https://html.spec.whatwg.org/multipage/text-level-semantics.html#the-bdi-element
func isolate(text string) template.HTML {
	if text == "" {
		return ""
	}
	return template.HTML("<bdi>" + template.HTMLEscapeString(text) + "</bdi>") //nolint:gosec // the text is escaped
}

// plain takes the marks of isolate out again, for the title of a page, which can have none.
func plain(text template.HTML) template.HTML {
	return template.HTML(strings.NewReplacer("<bdi>", "", "</bdi>", "").Replace(string(text))) //nolint:gosec // it was HTML before
}

// Say writes a text of the page's language.
func (p page) Say(id string) (template.HTML, error) { return p.words.say(id, p) }

// Title and What say what the page's message does.
func (p page) Title() (template.HTML, error) { return p.Say(p.Message + ".title") }
func (p page) What() (template.HTML, error)  { return p.Say(p.Message + ".what") }

// Steps are what the customer can do.
func (p page) Steps() ([]template.HTML, error) {
	steps := make([]template.HTML, p.words.steps[p.Message])
	for i := range steps {
		var err error
		if steps[i], err = p.Say(stepID(p.Message, i)); err != nil {
			return nil, err
		}
	}
	return steps, nil
}

// KeysPage is where an organisation manages its API keys. Somebody who is in several is led into the right one by its own origin only.
// https://docs.datadoghq.com/account_management/api-app-keys/
func (p page) KeysPage() string {
	return cmp.Or(p.Vanity, p.Site.AppOrigin()) + "/organization-settings/api-keys"
}

// Sites are those to choose from.
func (p page) Sites() []site.Site      { return sitesOf(site.Commercial) }
func (p page) Government() []site.Site { return sitesOf(site.Government) }

func sitesOf(partition site.Partition) (sites []site.Site) {
	for _, s := range site.Table() {
		if s.Partition() == partition {
			sites = append(sites, s)
		}
	}
	return sites
}

// fail counts the end that a message stands for, and shows it.
func (f *Flow) fail(w http.ResponseWriter, r *http.Request, message string, p page) {
	f.count(r.Context(), ends[message].outcome)
	p.Message = message
	f.render(w, r, ends[message].status, "message.html", p)
}

// message shows what is no end of anything.
func (f *Flow) message(w http.ResponseWriter, r *http.Request, status int, message string) {
	f.render(w, r, status, "message.html", page{Message: message})
}

// nothingHere is for addresses that no page has, and for what their pages do not do.
func (f *Flow) nothingHere(w http.ResponseWriter, r *http.Request, status int) {
	p := byEither
	p.Message = "nothing_here"
	f.render(w, r, status, "message.html", p)
}

// render writes a whole page, in the language that the browser asks for, or none.
func (f *Flow) render(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	p.Lang = lang.Of(strings.Join(r.Header.Values("Accept-Language"), ","))
	p.words, p.Partner, p.Begin = f.words[p.Lang], isolate(f.PartnerName), f.prefix+"/connect"
	p.Support, p.SupportURL = f.support()
	p.Either = p.Either && f.tickets != nil
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, p); err != nil {
		f.Logger.Error("A page could not be made", zap.String("page", name), zap.String("message", p.Message), zap.Error(err))
		http.Error(w, "this page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	if p.Start != "" || p.Retry != "" {
		// Under no-referrer a browser sends a form with "Origin: null" (https://fetch.spec.whatwg.org/, append a request Origin header), and one that
		// knows no Sec-Fetch-Site then cannot show where the form comes from. Other origins learn nothing of the address either way.
		h.Set("Referrer-Policy", "same-origin")
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(p.Lang))
	h.Set("Vary", "Accept-Language")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// support is where customers get help, as the operator wrote it, and the address that this is, if it is one.
func (f *Flow) support() (text, address string) {
	switch {
	case strings.HasPrefix(f.Support, "mailto:"):
		text, _, _ = strings.Cut(strings.TrimPrefix(f.Support, "mailto:"), "?")
		return text, f.Support
	case strings.HasPrefix(f.Support, "https://"):
		return f.Support, f.Support
	default:
		return f.Support, ""
	}
}

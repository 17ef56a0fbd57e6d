package datadogoauthext

import (
	"net/url"
	"strings"
	"unicode"
)

// maxSupport is about one line of a page.
const maxSupport = 200

// validateSupport takes an address that a page can link, or words such as a telephone number.
func (f *FlowConfig) validateSupport(add adder) {
	if len(f.Support) > maxSupport || strings.ContainsFunc(f.Support, func(r rune) bool { return !unicode.IsPrint(r) }) {
		add("flow::support", "must be one line of at most %d bytes", maxSupport)
		return
	}
	u, err := url.Parse(f.Support)
	switch scheme, _, _ := strings.Cut(strings.ToLower(f.Support), ":"); {
	case scheme == "https" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil), scheme == "mailto" && (err != nil || !strings.Contains(u.Opaque, "@")):
		add("flow::support", "must be a whole address, such as https://example.com/help or mailto:help@example.com, got %q", f.Support)
	case scheme == "http":
		add("flow::support", "must be an https or mailto address, or words such as a telephone number, got %q", f.Support)
	}
}

package flow

import (
	"errors"
	"net/url"
	"strings"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// start is where a consent will begin, and for whom. It travels sealed in the form of the connect page, and with the login of a ticket it
// waits in the store.
type start struct {
	Invitation string `json:"i,omitempty"` // hash
	Request    string `json:"r,omitempty"` // hash of a login's request id
	Origin     string `json:"o,omitempty"` // app origin; empty where the customer chooses
	Domain     string `json:"d,omitempty"` // site parameter, where the link named one
	Check      bool   `json:"c,omitempty"` // a check asks for the consent; what it connects is nothing
}

// readStart reads the optional site and domain of a link. Without either the customer chooses on the connect page.
func readStart(rawQuery string) (start, site.Partition, error) {
	q, err := readQuery(rawQuery, "site", "domain")
	if err != nil {
		return start{}, "", err
	}
	var st start
	partition := site.Commercial
	if raw := q.Get("domain"); raw != "" {
		at, err := site.ParseDomain(raw)
		if err != nil {
			return start{}, "", err
		}
		st.Origin, st.Domain, partition = at.AppOrigin(), at.Domain(), at.Partition()
	}
	if raw := q.Get("site"); raw != "" {
		named, err := site.ParseAppOrigin(raw)
		if err != nil {
			return start{}, "", err
		}
		if st.Domain != "" && named.Partition != partition {
			return start{}, "", errors.New("site and domain belong to different partitions")
		}
		st.Origin, partition = named.Origin, named.Partition
	}
	return st, partition, nil
}

// meant is the site that a link with a wrong one was probably meant to name, or none.
func meant(rawQuery string) site.Site {
	q, _ := url.ParseQuery(rawQuery)
	for _, name := range []string{"domain", "site"} {
		if s, ok := site.Meant(q.Get(name)); ok {
			return s
		}
	}
	return site.Site{}
}

// chosen completes a start by what the customer chose on the connect page: an address, which wins, or a site, or neither, which is US1, where
// Datadog's own page lets them choose. What the link named stays.
// https://docs.datadoghq.com/developers/authorization/oauth2_in_datadog/
func (st start) chosen(form url.Values) (start, error) {
	if st.Origin != "" {
		return st, nil
	}
	if address := strings.TrimSpace(form.Get("address")); address != "" {
		origin, err := site.ParseAppOrigin(originOf(address))
		st.Origin, st.Domain = origin.Origin, domainOf(origin.Site)
		return st, err
	}
	at := site.US1()
	if raw := form.Get("site"); raw != "" {
		var err error
		if at, err = site.ParseDomain(raw); err != nil {
			return st, err
		}
		st.Domain = at.Domain()
	}
	st.Origin = at.AppOrigin()
	return st, nil
}

// originOf leaves out what stands behind the host, since people copy whole addresses.
func originOf(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		scheme, rest = "https", address
	}
	host, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, "?")
	host, _, _ = strings.Cut(host, "#")
	return scheme + "://" + host
}

// maxQuery is a ticket and what stands around it. No honest query is longer.
const maxQuery = maxTicketBytes + 1024

// readQuery refuses a query in which one of names is there twice: two readers may take different ones of them. RFC 6749 §3.1
// With the error comes what could be read all the same, or nil.
func readQuery(raw string, names ...string) (url.Values, error) {
	if len(raw) > maxQuery {
		return nil, errors.New("the query is too long")
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return q, errors.New("the query cannot be read")
	}
	for _, name := range names {
		if len(q[name]) > 1 {
			return q, errors.New(name + " is there twice")
		}
	}
	return q, nil
}

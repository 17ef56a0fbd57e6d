package flow

import (
	"errors"
	"net/url"

	"github.com/datadogoauth/otelcol-datadogoauth/site"
)

// start is where a consent will begin, and for whom. It travels sealed in the form of the connect page, and with the login of a ticket it
// waits in the store.
type start struct {
	Invitation string `json:"i,omitempty"` // hash
	Request    string `json:"r,omitempty"` // hash of a login's request id
	Origin     string `json:"o,omitempty"` // app origin
	Domain     string `json:"d,omitempty"` // site parameter, where the link named one
}

// readStart reads the optional site and domain of a link. Without either the consent begins at US1, where Datadog lets the
// customer choose; https://docs.datadoghq.com/developers/authorization/oauth2_in_datadog/
func readStart(rawQuery string) (start, site.AppOrigin, error) {
	q, err := readQuery(rawQuery, "site", "domain")
	if err != nil {
		return start{}, site.AppOrigin{}, err
	}
	var st start
	origin := site.AppOrigin{Origin: site.US1().AppOrigin(), Site: site.US1(), Partition: site.US1().Partition()}
	if raw := q.Get("domain"); raw != "" {
		at, err := site.ParseDomain(raw)
		if err != nil {
			return start{}, site.AppOrigin{}, err
		}
		st.Domain = at.Domain()
		origin = site.AppOrigin{Origin: at.AppOrigin(), Site: at, Partition: at.Partition()}
	}
	if raw := q.Get("site"); raw != "" {
		named, err := site.ParseAppOrigin(raw)
		if err != nil {
			return start{}, site.AppOrigin{}, err
		}
		if st.Domain != "" && named.Partition != origin.Partition {
			return start{}, site.AppOrigin{}, errors.New("site and domain belong to different partitions")
		}
		origin = named
	}
	st.Origin = origin.Origin
	return st, origin, nil
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

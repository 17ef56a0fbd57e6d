package intake

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// door is one endpoint that takes data: what it accepts, how it answers, and what it does with a body.
type door struct {
	kind     string   // the Kind of its drops
	media    []string // accepted media types
	zstd     bool     // whether zstd is among the accepted content encodings
	maxSent  int64    // bytes of the body as sent; more is 413
	maxPlain int64    // bytes after decompression; more is 413
	refuse   func(http.ResponseWriter, int, ...string)
	// admit judges the org and the headers before the body is looked at; nil admits all.
	admit func(*org, http.Header) error
	// store checks the whole body, then stores it. The answer is written as JSON with 202; nil writes no body.
	store func(c *call) (answer any, err error)
}

// call is one authorised body, decompressed.
type call struct {
	in     *Intake
	org    *org
	target Target
	media  string
	query  url.Values
	body   []byte
	now    time.Time
}

// take is the way of every body: key, media type, content encoding, size, content. The first fault answers.
func (in *Intake) take(d door) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer, err := in.takeBody(d, r)
		switch {
		case err != nil:
			// A server that answers before it has read the body closes the connection under the client, who may then see
			// a reset in place of the answer.
			_, _ = io.CopyN(io.Discard, r.Body, maxDrain)
			answerRefusal(w, d.refuse, err)
		case answer == nil:
			w.WriteHeader(http.StatusAccepted)
		default:
			answerJSON(w, http.StatusAccepted, answer)
		}
	}
}

// maxDrain is how much of a refused body is read all the same, in bytes.
const maxDrain = 64 << 20

func (in *Intake) takeBody(d door, r *http.Request) (answer any, err error) {
	t, _ := targetOf(r.Context())
	orgID, err := in.orgOfKey(r, t.Site)
	if err != nil {
		return nil, err
	}
	if d.admit != nil {
		if err := d.admit(in.org(orgID), r.Header); err != nil {
			return nil, err
		}
	}
	media, err := mediaType(r.Header, d.media)
	if err != nil {
		return nil, err
	}
	body, err := readBody(r, d)
	if err != nil {
		return nil, err
	}
	return d.store(&call{in, in.org(orgID), t, media, r.URL.Query(), body, in.now()})
}

// orgOfKey judges the DD-API-KEY header. Nothing else opens an intake: neither a bearer token nor a key in the query.
func (in *Intake) orgOfKey(r *http.Request, site string) (string, error) {
	keys := r.Header.Values("DD-API-KEY")
	switch {
	case len(keys) > 1:
		return "", badRequest("%d DD-API-KEY headers; send one", len(keys))
	case len(keys) == 0 || keys[0] == "":
		return "", refuse(http.StatusUnauthorized, "Unauthorized")
	}
	orgID, ok := in.auth.Key(site, keys[0])
	if !ok {
		return "", refuse(http.StatusForbidden, "Forbidden")
	}
	return orgID, nil
}

func mediaType(h http.Header, accepted []string) (string, error) {
	values := h.Values("Content-Type")
	if len(values) > 1 {
		return "", badRequest("%d Content-Type headers; send one", len(values))
	}
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || !slices.Contains(accepted, media) {
		return "", refuse(http.StatusUnsupportedMediaType, "content type %.100q is not accepted; send %s", h.Get("Content-Type"), accepted)
	}
	return media, nil
}

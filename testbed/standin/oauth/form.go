package oauth

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
)

const maxTokenBodyBytes = 1 << 20

// errBodyType is what Datadog answers with "Invalid code or code verifier": it could not see the code at all.
var errBodyType = errors.New("content type is neither form nor JSON, or does not fit the body")

// bodyForm reads a token request: application/x-www-form-urlencoded, or a flat JSON object of strings.
// A parameter given twice is refused (RFC 6749 §3.2). The query string is never read.
func bodyForm(rw http.ResponseWriter, r *http.Request) (url.Values, error) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxTokenBodyBytes))
	if err != nil {
		return nil, err
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, errBodyType
	}
	switch mediaType {
	case "application/json":
		var fields map[string]string
		if err := json.Unmarshal(body, &fields); err != nil {
			return nil, errBodyType
		}
		form := url.Values{}
		for k, v := range fields {
			form.Set(k, v)
		}
		return form, nil
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, errBodyType
		}
		for k, v := range form {
			if len(v) > 1 {
				return nil, errors.New("parameter given twice: " + k)
			}
		}
		return form, nil
	default:
		return nil, errBodyType
	}
}

package admin

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// parameters reads a query that may have these and no other, each once. A filter that is misspelt, or written so that it cannot be read, would
// answer with everything. The error is for whoever asked.
func parameters(raw string, known ...string) (url.Values, error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("the query is no list of parameters")
	}
	for name, all := range values {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%.40q is no parameter of this path; it takes %s", name, strings.Join(known, ", "))
		}
		if len(all) > 1 {
			return nil, fmt.Errorf("%s: give it once", name)
		}
	}
	return values, nil
}

// maxText bounds what is searched for. The names of tenants are no longer.
const maxText = 256

// readText reads the parameter q.
func readText(values url.Values) (string, error) {
	text := values.Get("q")
	if len(text) > maxText {
		return "", fmt.Errorf("q: holds %d bytes; it may hold %d", len(text), maxText)
	}
	return text, nil
}

// limitOf reads the parameter limit, from 1 to most; without it the answer is unset.
func limitOf(values url.Values, unset, most int) (int, error) {
	if !values.Has("limit") {
		return unset, nil
	}
	limit, err := strconv.Atoi(values.Get("limit"))
	if err != nil || limit < 1 || limit > most {
		return 0, fmt.Errorf("limit: %.40q must be a number from 1 to %d", values.Get("limit"), most)
	}
	return limit, nil
}

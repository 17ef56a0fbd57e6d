package admin

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// defaultPage is how much a list holds where no limit is asked for.
	defaultPage = 100
	// maxChecks bounds a page of checks, each of which is made of a report of up to 256 KiB.
	maxChecks = 200
)

// mark is where something stands in a list that is in order of time. The id tells it from others of the same moment.
type mark struct {
	at time.Time
	id string
}

// String is a mark as the parameter after takes it, such as "1767323040000000000-0123456789ab".
func (m mark) String() string { return strconv.FormatInt(m.at.UnixNano(), 10) + "-" + m.id }

func (m mark) compare(o mark) int { return cmp.Or(m.at.Compare(o.at), strings.Compare(m.id, o.id)) }

// section is what is asked for of a list.
type section struct {
	text  string // part of a tenant's name, in whatever case
	after *mark  // it begins behind this one; nil for the beginning
	limit int
}

var errNoMark = errors.New("after: give what the answer before this names as next")

// readSection reads the parameters after and limit, and others that are named. The error is for whoever asked.
func readSection(raw string, others ...string) (s section, err error) {
	values, err := parameters(raw, append(others, "after", "limit")...)
	if err != nil {
		return s, err
	}
	if s.limit, err = limitOf(values, defaultPage, maxPage); err != nil {
		return s, err
	}
	if s.text, err = readText(values); err != nil {
		return s, err
	}
	if values.Has("after") {
		if s.after = markIn(values.Get("after")); s.after == nil {
			return s, errNoMark
		}
	}
	return s, nil
}

// sectionOfPage takes what it knows; a page that somebody edited the address of is still a page.
func sectionOfPage(values url.Values) section {
	return section{text: strings.TrimSpace(values.Get("q")), after: markIn(values.Get("after")), limit: rowsOfPage}
}

// markIn returns nil for what is no mark.
func markIn(text string) *mark {
	nanos, id, ok := strings.Cut(text, "-")
	n, err := strconv.ParseInt(nanos, 10, 64)
	if !ok || err != nil {
		return nil
	}
	return &mark{time.Unix(0, n), id}
}

// partOf returns the part of a list that was asked for, and what after has to be for the part that follows; empty where none does. at says where
// something stands, newest whether the list begins with the newest. It sorts all.
func partOf[T any](s section, all []T, newest bool, at func(T) mark) (part []T, next string) {
	order := func(x, y mark) int {
		if newest {
			x, y = y, x
		}
		return x.compare(y)
	}
	slices.SortFunc(all, func(x, y T) int { return order(at(x), at(y)) })
	if s.after != nil {
		behind := slices.IndexFunc(all, func(v T) bool { return order(at(v), *s.after) > 0 })
		if behind < 0 {
			return nil, ""
		}
		all = all[behind:]
	}
	if len(all) <= s.limit {
		return all, ""
	}
	return all[:s.limit], at(all[s.limit-1]).String()
}

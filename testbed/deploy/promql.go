package deploy

import (
	"fmt"
	"slices"
	"strings"
)

// Selector is a metric that an expression asks for, with what it asks of its labels.
type Selector struct {
	Metric   string
	Matchers []Matcher
}

// Matcher is one of =, !=, =~ and !~ with a value.
type Matcher struct{ Label, Op, Value string }

// Values are those that a matcher names, if it names any: alternatives of a pattern without other signs. A pattern with a variable of the
// dashboard has none.
func (m Matcher) Values() []string {
	switch {
	case strings.Contains(m.Value, "$"):
		return nil
	case m.Op == "=" || m.Op == "!=":
		return []string{m.Value}
	case strings.ContainsAny(m.Value, `.*+?()[]{}^\`):
		return nil
	default:
		return strings.Split(m.Value, "|")
	}
}

// Expression is what names can be found in PromQL without knowing what it means. Whether it is PromQL is Prometheus's to say.
type Expression struct {
	Selectors []Selector
	// By are the labels that aggregations and vector matching name.
	By []string
}

var (
	grouping = []string{"by", "without", "on", "ignoring", "group_left", "group_right"}
	words    = []string{"and", "or", "unless", "bool", "offset", "inf", "nan"}
)

// ParseExpression finds the names in an expression.
func ParseExpression(text string) (Expression, error) {
	s := scanner{text: text}
	var e Expression
	for {
		token := s.next()
		switch {
		case s.err != nil:
			return e, fmt.Errorf("%w in %q", s.err, text)
		case token == "":
			return e, nil
		case token == "[":
			for token != "]" && token != "" {
				token = s.next()
			}
		case token == "{":
			return e, fmt.Errorf("a selector without a name in %q", text)
		case !isName(token) || slices.Contains(words, strings.ToLower(token)):
			if token == "offset" {
				s.next()
			}
		case slices.Contains(grouping, strings.ToLower(token)):
			if s.peek() == "(" {
				for token = s.next(); token != ")" && token != ""; token = s.next() {
					if isName(token) {
						e.By = append(e.By, token)
					}
				}
			}
		case s.peek() == "(" || isAggregation(token):
		default:
			sel := Selector{Metric: token}
			if s.peek() == "{" {
				s.next()
				for token = s.next(); token != "}" && token != ""; token = s.next() {
					if token == "," {
						continue
					}
					sel.Matchers = append(sel.Matchers, Matcher{token, s.next(), strings.Trim(s.next(), "\"'`")})
				}
			}
			e.Selectors = append(e.Selectors, sel)
		}
	}
}

// isAggregation: these may have their labels before their parentheses.
func isAggregation(token string) bool {
	return slices.Contains([]string{"sum", "max", "min", "avg", "count", "group", "topk", "bottomk", "quantile"}, token)
}

func isName(token string) bool {
	c := token[0]
	return c == '_' || c == ':' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// scanner cuts PromQL into names, numbers, texts in quotes, and signs.
type scanner struct {
	text string
	at   int
	err  error
}

func (s *scanner) peek() string {
	before := *s
	token := s.next()
	*s = before
	return token
}

// next is empty at the end.
func (s *scanner) next() string {
	for s.at < len(s.text) && strings.IndexByte(" \t\n\r", s.text[s.at]) >= 0 {
		s.at++
	}
	if s.at == len(s.text) {
		return ""
	}
	from := s.at
	inName := func(c byte) bool {
		return c == '_' || c == ':' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	switch c := s.text[s.at]; {
	case strings.IndexByte("\"'`", c) >= 0:
		end := strings.IndexByte(s.text[s.at+1:], c)
		if end < 0 {
			s.err = fmt.Errorf("a text without an end")
			return ""
		}
		s.at += end + 2
	case inName(c) || c == '$' || c == '.':
		for s.at++; s.at < len(s.text) && (inName(s.text[s.at]) || s.text[s.at] == '.'); s.at++ {
		}
	case strings.IndexByte("=!<>", c) >= 0:
		for s.at++; s.at < len(s.text) && strings.IndexByte("=~", s.text[s.at]) >= 0; s.at++ {
		}
	default:
		s.at++
	}
	return s.text[from:s.at]
}

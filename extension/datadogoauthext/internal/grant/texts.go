package grant

import "strings"

// texts keeps the memory of records small, which is what ten thousand customers cost: what most of them say alike, such as client, site and scopes, is held
// once, and the rest of a record in one array. Its zero value is empty.
type texts struct {
	known map[string]string
	lists map[string][]string // by their texts with a space between
}

// maxTexts bounds what is known: texts that differ from customer to customer are kept as they are.
const maxTexts = 1000

func (t *texts) org(key *string, o *Org) {
	reuse(t, &o.Client, &o.Site)
	reuse(t, &o.Key)
	pack(key, &o.Name, &o.KeyReason, &o.APIKey, &o.KeyID, &o.KeyName)
	o.ID, o.Last4 = endOf(*key, o.ID), endOf(o.APIKey, o.Last4)
}

func (t *texts) grant(key *string, g *Grant) {
	reuse(t, &g.Org.Client, &g.Org.Site, &g.AppOrigin, &g.StartedDomain, &g.CallbackDomain)
	reuse(t, &g.Hold)
	g.Scopes = t.list(g.Scopes)
	pack(key, &g.HoldReason, &g.Invitation)
	g.Tenant = *key
}

func (t *texts) token(key *string, tok *Token) {
	reuse(t, &tok.Client, &tok.ClientID)
	reuse(t, &tok.Fact)
	tok.Scopes = t.list(tok.Scopes)
	pack(&tok.Reason, &tok.AccessToken, &tok.RefreshToken)
	tok.Tenant = *key
}

// reuse makes each field the text that is known and equal to it, if there is one.
func reuse[S ~string](t *texts, fields ...*S) {
	for _, f := range fields {
		if known, ok := t.known[string(*f)]; ok {
			*f = S(known)
			continue
		}
		if t.known == nil {
			t.known = map[string]string{}
		}
		if len(t.known) < maxTexts {
			own := strings.Clone(string(*f)) // it may be a part of a larger text
			t.known[own], *f = own, S(own)
		}
	}
}

// list returns texts that are equal to these, which nobody may change.
func (t *texts) list(of []string) []string {
	if len(of) == 0 {
		return of
	}
	key := strings.Join(of, " ")
	if known, ok := t.lists[key]; ok {
		return known
	}
	if t.lists == nil {
		t.lists = map[string][]string{}
	}
	if len(t.lists) < maxTexts {
		t.lists[key] = of
	}
	return of
}

// pack moves texts into one array.
func pack(fields ...*string) {
	var all strings.Builder
	n := 0
	for _, f := range fields {
		n += len(*f)
	}
	all.Grow(n)
	for _, f := range fields {
		all.WriteString(*f)
	}
	rest := all.String()
	for _, f := range fields {
		*f, rest = rest[:len(*f)], rest[len(*f):]
	}
}

// endOf is the end of whole that is equal to part, or part.
func endOf(whole, part string) string {
	if strings.HasSuffix(whole, part) {
		return whole[len(whole)-len(part):]
	}
	return part
}

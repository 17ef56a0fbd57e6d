package grant

import (
	"fmt"
	"io"
)

// What follows keeps package fmt, and a logger that is given a whole record, from showing what is secret in it: whatever the verb, they
// get the text of String.

// write is the body of every Format below.
func write(f fmt.State, text string) { _, _ = io.WriteString(f, text) }

// String shows no key but its last four characters.
func (o Org) String() string {
	return fmt.Sprintf("org %s, key …%s %s, generation %d", o.Org, o.Last4, factOr(o.Key, KeyNone), o.Generation)
}

// Format shows what String does.
func (o Org) Format(f fmt.State, _ rune) { write(f, o.String()) }

// String shows no token.
func (t Token) String() string {
	return fmt.Sprintf("tokens of tenant %s, client %s, %s", t.Tenant, t.Client, factOr(t.Fact, TokenNone))
}

// Format shows what String does.
func (t Token) Format(f fmt.State, _ rune) { write(f, t.String()) }

// String shows no token.
func (r Revocation) String() string {
	return fmt.Sprintf("revocation for tenant %s, org %s, asked for at %s", r.Tenant, r.Org, since(r.Asked))
}

// Format shows what String does.
func (r Revocation) Format(f fmt.State, _ rune) { write(f, r.String()) }

// String shows neither verifier nor hashes.
func (f Flow) String() string {
	return fmt.Sprintf("consent of tenant %s, client %s, begun at %s", f.Tenant, f.Client, since(f.Created))
}

// Format shows what String does.
func (f Flow) Format(st fmt.State, _ rune) { write(st, f.String()) }

// String shows no token.
func (s tokenSet) String() string {
	return fmt.Sprintf("token set until %s, scopes %q", since(s.expiry), s.scopes)
}

// Format shows what String does.
func (s tokenSet) Format(f fmt.State, _ rune) { write(f, s.String()) }

// String shows no key but its last four characters.
func (k mintedKey) String() string { return fmt.Sprintf("key …%s %q", k.last4, k.name) }

// Format shows what String does.
func (k mintedKey) Format(f fmt.State, _ rune) { write(f, k.String()) }

package flow

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"
)

// TicketOptions say how the partner's own login tells who a customer is.
//
// The browser arrives at LoginURL with request_id and nonce in its query. The login signs the customer in, and redirects the browser to
// <public URL>/ticket?request_id=<the same>&ticket=<JWT>. The ticket is signed with one of Keys and holds
//
//	iss           Issuer
//	aud           Audience, or a list with it
//	tenant        the tenant that this customer may connect
//	nonce         as it came
//	jti           any text, different for each ticket, at most 128 bytes
//	exp           at most 120 s after iat; without iat, at most 120 s after it arrives
//	iat, nbf      optional, with iat no later than the ticket arrives
//	allow_change  optional; true lets the tenant move to another Datadog organisation without an operator
//
// RFC 7519, RFC 8725.
type TicketOptions struct {
	LoginURL         string // https; a query of its own is kept
	Issuer, Audience string
	// Algorithm is the one that tickets are signed with, such as RS256. A ticket that names another is refused.
	Algorithm string
	// Keys verify. Several let a key be replaced without a stop.
	Keys []TicketKey
	// Client is the name of the OAuth client that customers connect with.
	Client string
}

// Validate reports every fault that shows without reading a file, each under the key that the operator must edit.
func (o TicketOptions) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.LoginURL == "" {
		add("login_url: write the https URL of your login page, which sends the customer back with a ticket, for instance https://app.example.com/datadog/login")
	} else if u, err := url.Parse(o.LoginURL); err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(o.LoginURL, "#") {
		add("login_url: must be https://host/path, with a query or without, and no user and fragment, got %q", o.LoginURL[strings.LastIndex(o.LoginURL, "@")+1:])
	}
	if o.Issuer == "" {
		add("issuer: write what the claim iss of your tickets is; a ticket of any other issuer is refused")
	}
	if o.Audience == "" {
		add("audience: write what the claim aud of your tickets is, such as flow::public_url, so that no token made for another service passes")
	}
	if !slices.Contains(algorithms, o.Algorithm) {
		add("algorithm: must be the one algorithm that your tickets are signed with, of %s; got %q", strings.Join(algorithms, ", "), o.Algorithm)
	}
	if len(o.Keys) == 0 {
		add("keys: name at least one key with its file, and with an id if your tickets carry a kid")
	}
	for i, k := range o.Keys {
		if k.File == "" {
			add("keys::%d::file: name the file that holds the key: a public key in PEM, or the shared secret of an HS algorithm", i)
		}
	}
	return errors.Join(errs...)
}

// TicketKey is one key.
type TicketKey struct {
	// ID is the kid of the tickets that it verifies; empty for tickets without one.
	ID string
	// File holds a public key as PEM, or for the HMAC algorithms a shared secret. It is read again when it changes.
	File string
}

const (
	maxTicketBytes = 8 << 10
	maxTicketID    = 128
	maxTicketLife  = 120 * time.Second
	ticketLeeway   = 10 * time.Second // clocks differ: for whether it has begun and is over, not for how long it lives
	maxRequestID   = 64
)

// ticketClaims is the payload of a ticket.
type ticketClaims struct {
	jwt.RegisteredClaims
	Tenant      string `json:"tenant"`
	Nonce       string `json:"nonce"`
	AllowChange bool   `json:"allow_change"`
}

// tickets verifies them. Build one with newTickets.
type tickets struct {
	TicketOptions
	login  *url.URL
	keys   []*keyFile
	parser *jwt.Parser
	now    func() time.Time
}

// newTickets reads every key file once, so that a missing one shows at start.
//
// It validates, since an issuer or audience that is empty would not be checked.
func newTickets(opts TicketOptions, now func() time.Time) (*tickets, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	login, err := url.Parse(opts.LoginURL)
	if err != nil {
		return nil, err
	}
	t := &tickets{TicketOptions: opts, login: login, now: now}
	var errs []error
	for _, k := range opts.Keys {
		file := &keyFile{id: k.ID, path: k.File, alg: opts.Algorithm}
		if _, err := file.read(); err != nil {
			errs = append(errs, fmt.Errorf("keys: %w", err))
		}
		t.keys = append(t.keys, file)
	}
	t.parser = jwt.NewParser(
		jwt.WithValidMethods([]string{opts.Algorithm}), jwt.WithIssuer(opts.Issuer), jwt.WithAudience(opts.Audience), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithLeeway(ticketLeeway), jwt.WithTimeFunc(now), jwt.WithStrictDecoding(),
	)
	return t, errors.Join(errs...)
}

// loginURL sends a browser to the partner's login.
func (t *tickets) loginURL(requestID, nonce string) string {
	u := *t.login
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "request_id=" + url.QueryEscape(requestID) + "&nonce=" + url.QueryEscape(nonce)
	return u.String()
}

// verify reads a ticket. nonce is the one that the login under way was given. The error says what the partner's login has to do otherwise;
// it quotes nothing of the ticket.
func (t *tickets) verify(ticket, nonce string) (ticketClaims, error) {
	var claims ticketClaims
	if len(ticket) > maxTicketBytes {
		return claims, fmt.Errorf("the ticket is longer than %d bytes", maxTicketBytes)
	}
	if err := checkForm(ticket); err != nil {
		return claims, err
	}
	if _, err := t.parser.ParseWithClaims(ticket, &claims, t.keysFor); err != nil {
		return ticketClaims{}, t.refusal(err)
	}
	if err := t.checkClaims(claims, nonce); err != nil {
		return ticketClaims{}, err
	}
	return claims, nil
}

func (t *tickets) checkClaims(c ticketClaims, nonce string) error {
	issued := t.now()
	if c.IssuedAt != nil {
		issued = c.IssuedAt.Time
	}
	switch {
	case c.ExpiresAt.Sub(issued.Truncate(time.Second)) > maxTicketLife: // exp and iat are whole seconds, as the library reads them
		return fmt.Errorf("the ticket lives longer than %s: let exp be at most that long after iat", maxTicketLife)
	case c.ID == "" || len(c.ID) > maxTicketID:
		return fmt.Errorf("the ticket has no jti of 1 to %d bytes", maxTicketID)
	case c.Nonce != nonce: // both are hashes that the browser may know: no need to hide which byte differs
		return errors.New("the ticket's nonce is not that of this login: repeat the nonce of the query that came with request_id")
	}
	if strings.ContainsRune(c.Tenant+c.ID, utf8.RuneError) { // what package encoding/json makes of half a surrogate pair: two tenants could become one
		return errors.New("the ticket's tenant or jti holds a character that is none, or U+FFFD")
	}
	if err := grant.CheckTenant(c.Tenant); err != nil {
		return fmt.Errorf("the ticket's claim %w", err)
	}
	return nil
}

var (
	errKeyID = errors.New("the ticket's kid is that of no configured key: give the key that id, or sign without a kid where the key has none")
	// RFC 7515 §4.1.11
	errCritical = errors.New("the ticket has a crit header, and no extension is known: sign without it")
	errNoKeys   = errors.New("no key for this ticket can be read")
)

// keysFor finds the keys for a token by its kid alone: nothing that the token itself brings along (jwk, jku, x5c) is looked at.
func (t *tickets) keysFor(token *jwt.Token) (any, error) {
	if _, ok := token.Header["crit"]; ok {
		return nil, errCritical
	}
	id, named := token.Header["kid"].(string)
	if _, ok := token.Header["kid"]; ok && (!named || id == "") {
		return nil, errKeyID
	}
	set := jwt.VerificationKeySet{}
	var errs []error
	found := false
	for _, file := range t.keys {
		if file.id != id {
			continue
		}
		found = true
		key, err := file.read()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		set.Keys = append(set.Keys, key)
	}
	if !found {
		return nil, errKeyID
	}
	if len(set.Keys) == 0 {
		return nil, errors.Join(append([]error{errNoKeys}, errs...)...)
	}
	return set, nil
}

// refusal puts an error of the library into words. Its own texts are not shown, since they may quote the ticket.
func (t *tickets) refusal(err error) error {
	switch {
	case errors.Is(err, errKeyID):
		return errKeyID
	case errors.Is(err, errCritical):
		return errCritical
	case errors.Is(err, errNoKeys):
		return err
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return fmt.Errorf("the ticket is not signed with %s and a configured key", t.Algorithm)
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return errors.New("the ticket lacks one of iss, aud, exp")
	case errors.Is(err, jwt.ErrTokenExpired):
		return errors.New("the ticket has expired: compare the clocks of both machines")
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return errors.New("the ticket is not valid yet: compare the clocks of both machines")
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return errors.New("the ticket's iss is not the configured issuer")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return errors.New("the ticket's aud does not hold the configured audience")
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return fmt.Errorf("the ticket's header asks for something other than %s", t.Algorithm)
	default:
		return errors.New("the ticket is no JWT with the claims that are asked for")
	}
}

package flow_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/flow"
)

func TestTicketsOfEveryAlgorithm(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	curves := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}
	for _, alg := range strings.Fields("RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA HS256 HS384 HS512") {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			p := newPartner(t)
			p.options.Algorithm, p.method = alg, jwt.GetSigningMethod(alg)
			switch alg[:2] {
			case "RS", "PS":
				p.key = rsaKey
			case "ES":
				key, err := ecdsa.GenerateKey(curves[alg], rand.Reader)
				require.NoError(t, err)
				p.key = key
			case "HS":
				p.key = []byte(strings.Repeat("s3cret! ", 8))
				p.options.Keys[0].File = filepath.Join(t.TempDir(), "secret")
				require.NoError(t, os.WriteFile(p.options.Keys[0].File, append(p.key.([]byte), '\n'), 0o600))
			}
			if signer, ok := p.key.(crypto.Signer); ok {
				p.options.Keys[0].File = publicKeyFile(t, signer.Public())
			}
			w := newWorldWith(t, p.admits)
			_, text := w.get(w.browser, w.logIn(w.browser, p, "", "acme"))
			assert.Contains(t, text, "acme")
		})
	}
}

// forge puts a token together by hand. A nil mac leaves the signature empty.
func forge(header, payload string, mac []byte) string {
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	if mac == nil {
		return text + "."
	}
	sum := hmac.New(sha256.New, mac)
	_, _ = sum.Write([]byte(text))
	return text + "." + b64(sum.Sum(nil))
}

func jsonText(tb testing.TB, v any) string {
	text, err := json.Marshal(v)
	require.NoError(tb, err)
	return string(text)
}

// resigned signs header and payload, whatever they are, with the partner's own key.
func (p *partner) resigned(header, payload string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	sig, err := p.method.Sign(text, p.key)
	require.NoError(p.tb, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func TestRFC9700_TicketsThatAreRefused(t *testing.T) {
	t.Parallel()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p := newPartner(t)
	p.options.Algorithm, p.method, p.key, p.kid = "RS256", jwt.SigningMethodRS256, rsaKey, "k1"
	p.options.Keys = []flow.TicketKey{{ID: "k1", File: publicKeyFile(t, rsaKey.Public())}}
	w := newWorldWith(t, p.admits)
	login := w.arrive(w.browser, "")
	nonce, now := login.Query().Get("nonce"), w.Clock.Now()

	with := func(edit func(jwt.MapClaims)) string {
		c := p.claims(now, nonce, "acme")
		edit(c)
		return p.sign(c)
	}
	set := func(key string, value any) string { return with(func(c jwt.MapClaims) { c[key] = value }) }
	without := func(key string) string { return with(func(c jwt.MapClaims) { delete(c, key) }) }
	signedBy := func(method jwt.SigningMethod, kid any, key any) string {
		token := jwt.NewWithClaims(method, p.claims(now, nonce, "acme"))
		if kid != nil {
			token.Header["kid"] = kid
		}
		text, err := token.SignedString(key)
		require.NoError(t, err)
		return text
	}
	good := p.sign(p.claims(now, nonce, "acme"))
	parts := strings.Split(good, ".")
	payload := jsonText(t, p.claims(now, nonce, "acme"))
	head := `{"alg":"RS256","kid":"k1"}`
	publicKey := publicPEM(t, rsaKey.Public())
	der, _ := base64.StdEncoding.DecodeString(strings.Join(strings.Split(strings.TrimSpace(string(publicKey)), "\n")[1:9], ""))
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	member := func(name, value string) string {
		return strings.TrimSuffix(payload, "}") + `,"` + name + `":` + value + `}`
	}

	for name, tc := range map[string]struct{ ticket, why string }{
		"none":                {forge(`{"alg":"none","kid":"k1"}`, payload, nil), "RS256"},
		"None in capitals":    {forge(`{"alg":"NONE","kid":"k1"}`, payload, nil), "RS256"},
		"no alg":              {forge(`{"kid":"k1"}`, payload, nil), "RS256"},
		"alg that is no text": {forge(`{"alg":["RS256"],"kid":"k1"}`, payload, nil), "RS256"},
		"HS256 with the public key's PEM as secret": {forge(`{"alg":"HS256","kid":"k1"}`, payload, publicKey), "RS256"},
		"HS256 with its PEM without the line end":   {forge(`{"alg":"HS256","kid":"k1"}`, payload, []byte(strings.TrimSpace(string(publicKey)))), "RS256"},
		"HS256 with its DER as secret":              {forge(`{"alg":"HS256","kid":"k1"}`, payload, der), "RS256"},
		"HS256 with an empty secret":                {forge(`{"alg":"HS256","kid":"k1"}`, payload, []byte{}), "RS256"},
		"another RSA algorithm with the right key":  {signedBy(jwt.SigningMethodPS256, "k1", rsaKey), "RS256"},
		"a longer hash with the right key":          {signedBy(jwt.SigningMethodRS512, "k1", rsaKey), "RS256"},
		"another algorithm with a stranger's key":   {signedBy(jwt.SigningMethodEdDSA, "k1", edKey), "RS256"},
		"a stranger's key":                          {signedBy(jwt.SigningMethodRS256, "k1", stranger), "not signed"},
		"a kid that is not known":                   {signedBy(jwt.SigningMethodRS256, "k2", rsaKey), "kid"},
		"no kid":                                    {signedBy(jwt.SigningMethodRS256, nil, rsaKey), "kid"},
		"a kid that is no text":                     {signedBy(jwt.SigningMethodRS256, 1, rsaKey), "kid"},
		"a kid that is a path":                      {signedBy(jwt.SigningMethodRS256, "../../../../dev/null", rsaKey), "kid"},
		"crit":                                      {p.resigned(`{"alg":"RS256","kid":"k1","crit":["x"],"x":1}`, payload), "crit"},
		"unsigned":                                  {parts[0] + "." + parts[1] + ".", "not signed"},
		"another payload under a good signature":    {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(member("x", "1"))) + "." + parts[2], "not signed"},
		"four parts":                                {good + ".x", "compact form"},
		"two parts":                                 {parts[0] + "." + parts[1], "compact form"},
		"padding":                                   {parts[0] + "=." + parts[1] + "." + parts[2], "compact form"},
		"a line end inside":                         {parts[0] + "." + parts[1][:10] + "\n" + parts[1][10:] + "." + parts[2], "compact form"},
		"rubbish":                                   {"rubbish", "compact form"},
		"a ticket inside a ticket":                  {p.resigned(`{"alg":"RS256","kid":"k1","cty":"JWT"}`, good), "compact form"},
		"a payload of null":                         {p.resigned(head, "null"), "compact form"},
		"a payload that is a list":                  {p.resigned(head, "[]"), "compact form"},
		"a payload with something behind it":        {p.resigned(head, payload+"{}"), "compact form"},
		"alg twice":                                 {p.resigned(`{"alg":"none","alg":"RS256","kid":"k1"}`, payload), "repeated"},
		"tenant twice":                              {p.resigned(head, member("tenant", `"globex"`)), "repeated"},
		"tenant twice, in capitals":                 {p.resigned(head, member("TENANT", `"globex"`)), "repeated"},
		"iss twice, with a long s":                  {p.resigned(head, member("i\u017fs", `"x"`)), "repeated"},
		"a member twice further inside":             {p.resigned(head, member("x", `[{"y":1,"y":2}]`)), "repeated"},
		"a tenant without a page":                   {set("tenant", ".."), "cannot be part of an address"},
		"nested too deeply":                         {p.resigned(head, member("x", strings.Repeat("[", 50)+strings.Repeat("]", 50))), "compact form"},
		"longer than 8 KiB":                         {set("x", strings.Repeat("x", 5900)), "longer than"},
		"expired":                                   {with(func(c jwt.MapClaims) { c["iat"], c["exp"] = now.Unix()-60, now.Unix()-11 }), "expired"},
		"no exp":                                    {without("exp"), "lacks"},
		"exp that is a text":                        {set("exp", "tomorrow"), "exp is a text"},
		"exp that is a number in quotes":            {set("exp", fmt.Sprint(now.Unix()+60)), "exp is a text"},
		"living longer than two minutes":            {set("exp", now.Unix()+121), "lives longer"},
		"living longer, without iat":                {with(func(c jwt.MapClaims) { delete(c, "iat"); c["exp"] = now.Unix() + 121 }), "lives longer"},
		"living longer, issued long ago":            {set("iat", now.Unix()-61), "lives longer"},
		"living longer, by a clock that is fast":    {with(func(c jwt.MapClaims) { c["iat"], c["exp"] = now.Unix()+8, now.Unix()+129 }), "lives longer"},
		"living longer, by a clock that is slow":    {with(func(c jwt.MapClaims) { c["iat"], c["exp"] = now.Unix()-8, now.Unix()+113 }), "lives longer"},
		"living for ever":                           {set("exp", 1e18), "lives longer"},
		"issued in the future":                      {with(func(c jwt.MapClaims) { c["iat"], c["exp"] = now.Unix()+30, now.Unix()+60 }), "not valid yet"},
		"not before":                                {set("nbf", now.Unix()+30), "not valid yet"},
		"another issuer":                            {set("iss", "https://login.partner.example/"), "iss"},
		"no issuer":                                 {without("iss"), "iss"},
		"another audience":                          {set("aud", "somebody-else"), "aud"},
		"an empty list of audiences":                {set("aud", []string{}), "aud"},
		"no audience":                               {without("aud"), "aud"},
		"another login's nonce":                     {set("nonce", strings.Repeat("0", 64)), "nonce"},
		"no nonce":                                  {without("nonce"), "nonce"},
		"no jti":                                    {without("jti"), "jti"},
		"a jti that is too long":                    {set("jti", strings.Repeat("x", 129)), "jti"},
		"no tenant":                                 {without("tenant"), "tenant"},
		"a tenant in sub only":                      {with(func(c jwt.MapClaims) { delete(c, "tenant"); c["sub"] = "acme" }), "tenant"},
		"a tenant that is no text":                  {set("tenant", 7), "no JWT"},
		"a tenant under another name":               {with(func(c jwt.MapClaims) { delete(c, "tenant"); c["Tenant"] = "acme" }), "tenant but for capitals"},
		"a nonce under another name":                {with(func(c jwt.MapClaims) { delete(c, "nonce"); c["NONCE"] = nonce }), "nonce but for capitals"},
		"a tenant that is no UTF-8":                 {p.resigned(head, strings.Replace(payload, `"acme"`, "\"ac\xffme\"", 1)), "compact form"},
		"a tenant with half a pair":                 {p.resigned(head, strings.Replace(payload, `"acme"`, `"ac\ud800me"`, 1)), "tenant or jti"},
		"a tenant with a line end":                  {set("tenant", "acme\nglobex"), "tenant"},
		"allow_change that is a text":               {set("allow_change", "true"), "no JWT"},
	} {
		before := w.logs.Len()
		resp, text := w.returns(w.browser, returning(login, tc.ticket))
		if !assert.Equal(t, http.StatusForbidden, resp.StatusCode, name) {
			continue
		}
		assert.Contains(t, text, "Your login was not accepted here.", name)
		assert.NotContains(t, resp.Request.URL.String(), "ticket=", "%s: it leaves the address bar", name)
		assert.NotContains(t, text, tc.why, "%s: the browser is not told", name)
		entries := w.logs.All()[before:]
		require.Len(t, entries, 1, name)
		reason := fmt.Sprint(entries[0].ContextMap()["error"])
		assert.Contains(t, reason, tc.why, name)
		for _, part := range strings.Split(tc.ticket, ".") {
			if len(part) > 20 {
				assert.NotContains(t, reason, part, name)
			}
		}
		assert.NotContains(t, reason, "globex", name)
		assert.NotContains(t, reason, nonce, name)
	}
	resp, text := w.get(w.browser, returning(login, good))
	assert.Equal(t, http.StatusSeeOther, resp.StatusCode, "none of them used up the login: %s", text)
}

func TestTicketsWithinTheLeeway(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	w := newWorldWith(t, p.admits)
	for name, edit := range map[string]func(jwt.MapClaims){
		"a clock that is slow": func(c jwt.MapClaims) { c["iat"], c["exp"] = w.Clock.Now().Unix()-68, w.Clock.Now().Unix()-8 },
		"a clock that is fast": func(c jwt.MapClaims) { c["iat"], c["exp"] = w.Clock.Now().Unix()+8, w.Clock.Now().Unix()+128 },
		"a list of audiences":  func(c jwt.MapClaims) { c["aud"] = []string{"another", "datadog-connect"} },
		"no iat":               func(c jwt.MapClaims) { delete(c, "iat") },
		"the longest life":     func(c jwt.MapClaims) { c["exp"] = w.Clock.Now().Unix() + 120 },
		"the longest without iat": func(c jwt.MapClaims) {
			delete(c, "iat")
			c["exp"] = w.Clock.Now().Unix() + 120
		},
	} {
		_, text := w.get(w.browser, w.logIn(w.browser, p, "", "acme", edit))
		assert.Contains(t, text, "acme", name)
	}
}

func TestTicketKeysAreReplacedWithoutAStop(t *testing.T) {
	t.Parallel()
	p := newPartner(t)
	first, second := p.key, newPartner(t)
	p.kid = "one"
	p.options.Keys = append([]flow.TicketKey{{ID: "one", File: p.options.Keys[0].File}}, flow.TicketKey{ID: "two", File: second.options.Keys[0].File})
	w := newWorldWith(t, p.admits)
	status := func() int {
		login := w.arrive(w.browser, "")
		resp, _ := w.returns(w.browser, returning(login, p.sign(p.claims(w.Clock.Now(), login.Query().Get("nonce"), "acme"))))
		return resp.StatusCode
	}
	assert.Equal(t, http.StatusSeeOther, status())
	p.kid, p.key = "two", second.key
	assert.Equal(t, http.StatusSeeOther, status(), "both serve")

	file := p.options.Keys[0].File // as a Kubernetes volume does: another file under the same name
	next := newPartner(t)
	p.kid, p.key = "one", next.key
	assert.Equal(t, http.StatusForbidden, status(), "before the file says so")
	require.NoError(t, os.Rename(next.options.Keys[0].File, file))
	assert.Equal(t, http.StatusSeeOther, status())
	p.key = first
	assert.Equal(t, http.StatusForbidden, status(), "the replaced key")

	require.NoError(t, os.Remove(file))
	p.key = next.key
	assert.Equal(t, http.StatusForbidden, status(), "a key that was taken away")
	assert.True(t, w.logged("does not exist; write the public key"))
	p.kid, p.key = "two", second.key
	assert.Equal(t, http.StatusSeeOther, status(), "the other one goes on")
}

func TestTicketOptionsThatAreRefused(t *testing.T) {
	t.Parallel()
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	file := func(content string) []flow.TicketKey {
		path := filepath.Join(t.TempDir(), "key")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return []flow.TicketKey{{File: path}}
	}
	rsaPEM := string(publicPEM(t, small.Public()))
	for want, edit := range map[string]func(*flow.TicketOptions){
		"login_url: must be": func(o *flow.TicketOptions) { o.LoginURL = "http://login.partner.example" },
		"no user":            func(o *flow.TicketOptions) { o.LoginURL = "https://a:b@login.partner.example" },
		"login_url: write":   func(o *flow.TicketOptions) { o.LoginURL = "" },
		"issuer: ":           func(o *flow.TicketOptions) { o.Issuer = "" },
		"audience: ":         func(o *flow.TicketOptions) { o.Audience = "" },
		`algorithm: must be the one algorithm that your tickets are signed with, of RS256, RS384`: func(o *flow.TicketOptions) { o.Algorithm = "none" },
		`got ""`:                func(o *flow.TicketOptions) { o.Algorithm = "" },
		"keys: name":            func(o *flow.TicketOptions) { o.Keys = nil },
		"keys::0::file":         func(o *flow.TicketOptions) { o.Keys = []flow.TicketKey{{ID: "x"}} },
		"does not exist":        func(o *flow.TicketOptions) { o.Keys = []flow.TicketKey{{File: filepath.Join(t.TempDir(), "none")}} },
		"one PUBLIC KEY in PEM": func(o *flow.TicketOptions) { o.Keys = file("not a key") },
		"PUBLIC KEY cannot be read": func(o *flow.TicketOptions) {
			o.Keys = file("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
		},
		"does not hold one":            func(o *flow.TicketOptions) { o.Keys = file(rsaPEM + rsaPEM) },
		"not Ed25519":                  func(o *flow.TicketOptions) { o.Keys = file(rsaPEM) },
		"not on the P-256":             func(o *flow.TicketOptions) { o.Algorithm, o.Keys = "ES256", file(string(publicPEM(t, p384.Public()))) },
		"not RSA of at least 2048":     func(o *flow.TicketOptions) { o.Algorithm = "PS256" },
		"PEM, which is no shared":      func(o *flow.TicketOptions) { o.Algorithm, o.Keys = "HS256", file(rsaPEM) },
		"31 bytes":                     func(o *flow.TicketOptions) { o.Algorithm, o.Keys = "HS256", file(strings.Repeat("x", 31)+"\n") },
		"at least 64 random bytes":     func(o *flow.TicketOptions) { o.Algorithm, o.Keys = "HS512", file(strings.Repeat("x", 63)) },
		"no file of at most":           func(o *flow.TicketOptions) { o.Keys = []flow.TicketKey{{File: t.TempDir()}} },
		"write the public key of your": func(o *flow.TicketOptions) { o.Keys = file("") },
	} {
		p := newPartner(t)
		edit(&p.options)
		_, err := flow.New(flow.Options{
			PublicURL: public, Sealer: flow.NewSealer(nil), Tickets: &p.options, Now: time.Now, Clients: map[string]flow.Client{"main": {RedirectURL: public + "/callback"}},
		})
		require.ErrorContains(t, err, want)
	}
}

package grant

import "fmt"

// TokenFact says what the tokens of a grant are good for.
type TokenFact string

// The values of TokenFact.
const (
	TokenNone        TokenFact = "none"
	TokenOK          TokenFact = "ok"
	TokenFailing     TokenFact = "failing-since" // refreshes fail since Token.Since; they are tried again
	TokenReauthorise TokenFact = "reauthorise"   // only the customer can help: reason in Token.Reason
)

// KeyFact says what the API key of an organisation is good for.
type KeyFact string

// The values of KeyFact.
const (
	KeyNone          KeyFact = "none"
	KeyMinting       KeyFact = "minting" // an intent is stored; the key may be stored too, not yet checked
	KeyFresh         KeyFact = "fresh"   // so young that a 403 may mean "not known everywhere yet"
	KeyOK            KeyFact = "ok"
	KeyRefused       KeyFact = "refused"        // never minted again by itself: the customer may have revoked it
	KeyExistsUnknown KeyFact = "exists-unknown" // Datadog has a key whose value nobody has
)

// Hold is what stops a tenant whatever its key says.
type Hold string

// The values of Hold.
const (
	HoldNone         Hold = "none"
	HoldPaused       Hold = "paused"
	HoldDisconnected Hold = "disconnected"
	HoldUnreadable   Hold = "unreadable" // a record of the tenant cannot be opened; kept in memory only
)

// TokenEvent is what can happen to the tokens of a grant.
type TokenEvent string

// The events of a token. EvClientRejected changes no grant: the operator may be rotating the secret.
const (
	EvConnected      TokenEvent = "connected"
	EvRefreshed      TokenEvent = "refreshed"
	EvLateAnswer     TokenEvent = "answered late" // after the refresh had been given up as lost
	EvRefreshFailed  TokenEvent = "refresh failed"
	EvClientRejected TokenEvent = "client rejected"
	EvRevoked        TokenEvent = "revoked"
	EvClientDisabled TokenEvent = "client disabled"
	EvOutcomeUnknown TokenEvent = "refresh outcome unknown"
	EvErased         TokenEvent = "erased"
)

// KeyEvent is what can happen to the API key of an organisation.
type KeyEvent string

// The events of a key. Only EvMintBegun leads to a mint, and only a customer's consent or an operator's order causes it.
const (
	EvMintBegun    KeyEvent = "mint begun"
	EvMinted       KeyEvent = "minted"
	EvMintRefused  KeyEvent = "mint refused"  // 403, 429 and other plain answers: no key was made
	EvMintConflict KeyEvent = "mint conflict" // 409
	EvMintUnknown  KeyEvent = "mint outcome unknown"
	EvAged         KeyEvent = "grace period over"
	EvValidated    KeyEvent = "validated"
	EvKeyRefused   KeyEvent = "refused"
	EvKeyDropped   KeyEvent = "dropped" // the last tenant of the organisation left
)

// HoldEvent is what can stop a tenant or let it go on.
type HoldEvent string

// The events of a hold.
const (
	EvPause      HoldEvent = "pause"
	EvResume     HoldEvent = "resume"
	EvDisconnect HoldEvent = "disconnect"
	EvReconnect  HoldEvent = "reconnect" // a completed consent
)

// A table has one cell for every (fact, event) pair that can occur: what the fact is afterwards. A pair without a cell
// cannot occur; next reports it as an error and changes nothing.
type table[F, E comparable] map[F]map[E]F

var tokenTable = table[TokenFact, TokenEvent]{
	TokenNone: {
		EvConnected: TokenOK, EvErased: TokenNone,
	},
	TokenOK: {
		EvConnected: TokenOK, EvRefreshed: TokenOK, EvRefreshFailed: TokenFailing, EvClientRejected: TokenOK,
		EvRevoked: TokenReauthorise, EvClientDisabled: TokenReauthorise, EvOutcomeUnknown: TokenReauthorise,
		EvErased: TokenNone,
	},
	TokenFailing: {
		EvConnected: TokenOK, EvRefreshed: TokenOK, EvRefreshFailed: TokenFailing, EvClientRejected: TokenFailing,
		EvRevoked: TokenReauthorise, EvClientDisabled: TokenReauthorise, EvOutcomeUnknown: TokenReauthorise,
		EvErased: TokenNone,
	},
	// A consent leads out. A refresh that was under way and still succeeds does not, since it may have been the one before the
	// customer's revocation; one whose loss was the reason leads to another try.
	TokenReauthorise: {
		EvLateAnswer: TokenFailing,
		EvConnected:  TokenOK, EvRefreshed: TokenReauthorise, EvRefreshFailed: TokenReauthorise, EvClientRejected: TokenReauthorise,
		EvRevoked: TokenReauthorise, EvClientDisabled: TokenReauthorise, EvOutcomeUnknown: TokenReauthorise,
		EvErased: TokenNone,
	},
}

var keyTable = table[KeyFact, KeyEvent]{
	KeyNone: {
		EvMintBegun: KeyMinting, EvMintRefused: KeyNone, EvMintUnknown: KeyNone, EvMintConflict: KeyExistsUnknown,
		EvValidated: KeyOK, EvKeyRefused: KeyNone, EvKeyDropped: KeyNone,
	},
	KeyMinting: {
		EvMintBegun: KeyMinting, EvMinted: KeyFresh, EvMintRefused: KeyNone, EvMintConflict: KeyExistsUnknown, EvMintUnknown: KeyNone,
		EvValidated: KeyOK, EvKeyRefused: KeyRefused, EvKeyDropped: KeyNone,
	},
	KeyFresh: {
		EvAged: KeyOK, EvValidated: KeyFresh, EvKeyRefused: KeyRefused, EvMintBegun: KeyMinting, EvKeyDropped: KeyNone,
	},
	KeyOK: {
		EvAged: KeyOK, EvValidated: KeyOK, EvKeyRefused: KeyRefused, EvMintBegun: KeyMinting, EvKeyDropped: KeyNone,
	},
	KeyRefused: {
		EvValidated: KeyOK, EvKeyRefused: KeyRefused, EvAged: KeyRefused, EvMintBegun: KeyMinting, EvKeyDropped: KeyNone,
	},
	KeyExistsUnknown: {
		EvMintBegun: KeyMinting, EvMintConflict: KeyExistsUnknown, EvMintRefused: KeyExistsUnknown, EvMintUnknown: KeyExistsUnknown,
		EvValidated: KeyOK, EvKeyRefused: KeyExistsUnknown, EvKeyDropped: KeyNone,
	},
}

var holdTable = table[Hold, HoldEvent]{
	HoldNone: {
		EvPause: HoldPaused, EvResume: HoldNone, EvDisconnect: HoldDisconnected, EvReconnect: HoldNone,
	},
	// A consent does not undo an operator's pause.
	HoldPaused: {
		EvPause: HoldPaused, EvResume: HoldNone, EvDisconnect: HoldDisconnected, EvReconnect: HoldPaused,
	},
	HoldDisconnected: {
		EvDisconnect: HoldDisconnected, EvReconnect: HoldNone,
	},
	// It is found when a record is opened and never stored: what the hold is stands in the record that cannot be read, and a readable
	// record brings its own. So nothing can happen to it.
	HoldUnreadable: {},
}

// next looks up the cell of (fact, event).
func (t table[F, E]) next(fact F, event E) (F, error) {
	to, ok := t[fact][event]
	if !ok {
		return fact, fmt.Errorf("%v cannot happen in state %v; this is a defect of this program", event, fact)
	}
	return to, nil
}

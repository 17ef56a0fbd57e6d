package admin

import "github.com/datadogoauth/otelcol-datadogoauth/extension/datadogoauthext/internal/grant"

// level is how much a fact asks of a person. It is a class in status.css too, which puts a mark before the text, so that nothing is said by
// colour alone.
type level string

const (
	levelGood level = "good"
	levelWait level = "wait" // passes by itself
	levelBad  level = "bad"  // a person has to act
	levelNone level = "none" // nothing to say
)

func tokenLevel(state string) level {
	switch grant.TokenFact(state) {
	case "", grant.TokenNone:
		return levelNone
	case grant.TokenOK:
		return levelGood
	case grant.TokenFailing:
		return levelWait
	default: // reauthorise, and any word this page does not know
		return levelBad
	}
}

// keyLevel: a key that is not there for a reason was asked for and not given, which only a person can change.
func keyLevel(state, reason string) level {
	switch grant.KeyFact(state) {
	case "", grant.KeyNone:
		if reason != "" {
			return levelBad
		}
		return levelNone
	case grant.KeyOK:
		return levelGood
	case grant.KeyMinting, grant.KeyFresh:
		return levelWait
	default: // refused, exists-unknown
		return levelBad
	}
}

func holdLevel(state string) level {
	switch grant.Hold(state) {
	case "", grant.HoldNone, grant.HoldDisconnected: // disconnected on purpose: nobody has to act
		return levelNone
	case grant.HoldPaused:
		return levelWait
	default: // unreadable
		return levelBad
	}
}

// Package flow is what a customer's browser sees: the page behind a connect link, the redirect to Datadog's consent page,
// the callback, and the page that ends it.
//
//	GET  /connect/{invitation}   names partner and tenant; changes nothing, so a link preview costs nothing
//	POST /connect/{invitation}   stores the consent under way, sets its cookie, 303 to Datadog
//	GET  <path of redirect_url>  the callback: consumes the consent, connects, 303 to the next
//	GET  /connected/{result}     "You may now close this tab", at a URL without code or state, also when the result is gone
//
// Everything that arrives here is written by strangers. A site or domain passes package site or causes no connection at all.
// The public URL comes from the configuration; no forwarded header is read.
//
// RFC 6749 (code grant), RFC 7636 (PKCE), RFC 9700 (security of clients).
package flow

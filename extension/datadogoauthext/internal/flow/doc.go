// Package flow is what a customer's browser sees: the pages in front of Datadog's consent, the redirect to it, the callback, and the
// page that ends it.
//
//	GET  /connect                       the tile's onboarding_url: stores site and domain, sets a cookie, 303 to the partner's login
//	GET  /ticket                        where that login sends the browser back: verifies the ticket, 303 to the next, or to what to do
//	GET  /connect/request/{request}     names partner and tenant
//	GET  /connect/{invitation}          the same for a connect link; changes nothing, so a link preview costs nothing
//	POST on these two                   stores the consent under way, sets its cookie, 303 to Datadog
//	GET  <path of redirect_url>         the callback: consumes the consent, connects, 303 to the next
//	GET  /connected/{result}            "You may now close this tab", or what to do, at a URL without code or state
//	POST /connected/{result}/again      tries for the API key of a consent that is stored, 303 back
//
// Nothing of a customer on the way is in this process. Several collectors behind one public URL share store and tokens keyset, and each
// request may reach another of them.
//
// Everything that arrives here is written by strangers. A site or domain passes package site or causes no connection at all. Browsers are
// redirected to three places: to these pages, to the configured login, and to an app origin of Datadog's.
// The public URL comes from the configuration; no forwarded header is read.
//
// Pages are in English or Korean (words_en.go, words_ko.go), work without scripts, and say for each end what the customer can do.
//
// RFC 6749 (code grant), RFC 7636 (PKCE), RFC 9700 (security of clients), RFC 7519 and RFC 8725 (tickets).
package flow

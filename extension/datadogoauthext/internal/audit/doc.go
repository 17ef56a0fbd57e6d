// Package audit is the form of an audit record: who changed what, from what to what, and why. It knows nothing of stores or of what is
// recorded; package grant writes a record in the same step as the change that it is about.
//
// A secret is never in a record. What tells one secret from another is a fingerprint, the first 48 bits of an HMAC under a key that is sealed in the
// store: without that key nobody can try out which secret a fingerprint belongs to, and with all records of a year, a few million, two
// secrets of the same kind have the same one with a chance of one in a hundred. Records of one secret can thus be found, and nothing can be
// proved by one.
package audit

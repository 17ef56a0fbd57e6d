// Package seal encrypts records at rest with Tink and proves that a keyset belongs to a store.
//
// # What it promises
//
// Records are sealed with AES256-GCM from Tink, with a fresh random 96-bit nonce for each. GCM with random nonces is
// safe for 2^32 messages under one key (NIST SP 800-38D, section 8.3). Two thousand tenants that each rewrite a record
// once an hour need 245 years for that, so no counter is kept; a counter could repeat after a restored backup, a random
// nonce does not.
//
// The associated data holds the format, the client, the kind, the key and the version of the record, each with its
// length, so that no two labels give the same bytes. A record can therefore be neither renamed, nor moved to another
// tenant, client or kind, nor read as another version: any such change, and any flipped byte, ends in ErrSealed.
//
// # How a key is replaced
//
// Add, Promote and Retire change a keyset file, Reload takes the change into a running collector, and ResealAll seals under
// the primary key what another key sealed. A collector that took in a promoted file too late goes on opening what it sealed under a
// key that was retired meanwhile, until it has sealed that again (Reload). Each record says in clear which key sealed it (KeyID), so that a key which is
// still in use can be told from one that is not. A key id is a name and proves nothing: whoever writes a false one makes a
// record that does not open.
//
// # What somebody with the store file can still do
//
// Read kinds, keys (tenant names, org ids), client names, versions and sizes: those are in clear. Delete records. Put
// back an older copy of the whole file, or of one record together with its version: nothing in the file can tell that
// from a restored backup. Whoever also holds the keyset file can read everything.
//
// # What somebody with the keyset only can do
//
// Nothing without the store. The keyset is kept in clear, since whatever would decrypt it at start would have to lie
// beside it; the protection is the file's mode and that it lives apart from the store and its backups.
package seal

package ctl

import "strings"

const usageHead = `datadogoauthctl looks after the files of the datadogoauth extension, and of the queue.

Usage:

    datadogoauthctl COMMAND FLAGS
    datadogoauthctl COMMAND --help

Keysets seal what is stored; the extension needs two, one for tokens and one for API keys:

    keyset create    write a new keyset to a file that does not exist yet
    keyset list      show the keys of a keyset: id, primary, enabled
    keyset add       put another key into a keyset
    keyset promote   make a key the one that seals
    keyset retire    take a key out that seals nothing any more

The store holds the grants:

    store backup     write an archive of a store
    store restore    put an archive into a new store
    store verify     open every record and show what is there
    store copy       copy a store into a new one, from a file to PostgreSQL or back

The six steps by which Datadog has a partner test an integration, for one customer:

    check            run them in a collector, show what was found, and keep the report

The queue, what is parked and more of the exporter is in the files of a file_storage:

    queue check      look for damage in them, and move away what is damaged

Keep a copy of each keyset apart from the backups of the store: without its keysets a store is worth nothing, and with them
everything in it can be read.

Example:

    datadogoauthctl keyset create --out /etc/otelcol-datadogoauth/tokens.keyset.json
    datadogoauthctl keyset create --out /etc/otelcol-datadogoauth/keys.keyset.json
    datadogoauthctl store backup --admin http://localhost:8445 --token-file admin.token --out grants.archive
`

const checkUsage = `datadogoauthctl check --admin URL --token-file FILE --tenant NAME [--consent] [--intrusive] [--html FILE] [--json FILE]

Has a running collector test the connection of one tenant, and shows each line with its evidence and what to do. It takes some
minutes: marked data is sent and looked for. URL is that of the admin listener; the token needs the role operate. --ca-file names
the authority of the listener's certificate.

    --consent      wait for somebody to give consent at a link, which is shown, to send its code with a wrong verifier. Nothing
                   is connected by that
    --intrusive    ask for a second API key, which Datadog has to refuse, and make and delete a test incident; the collector's
                   checks::intrusive has to allow it
    --html FILE    keep the report as a page, to attach to the submission of the integration
    --json FILE    keep it for machines; neither file may exist yet

What could not be found out is "not tested", never passed. The exit status is 1 if a line failed, or the check could not be made.
`

const queueUsage = `datadogoauthctl queue check --dir DIR [--move-away]

Looks for damage in each file of a file_storage: its pages, and every entry. DIR is file_storage::directory. The collector must not run.
Files of other components are looked at, too: one that is damaged can end the collector at every start.

With --move-away each damaged file gets the name FILE.damaged-TIME, so that the collector starts with a new one; what it holds is not sent.
Each is named on stdout. Keep it: the command bbolt may mend it, and under its old name the next start sends what it holds.

The exit status is 0 if all files are sound, or the damaged ones were moved away, and DIR may be empty or missing then, as before the
first start. It is 1 if a file is damaged, in use, or cannot be read or moved.

Before each start, under systemd:

    ExecStartPre=datadogoauthctl queue check --dir DIR --move-away
`

const createUsage = `datadogoauthctl keyset create --out FILE

Writes a new keyset with one random key. FILE must not exist yet; it gets mode 0600.
`

const listUsage = `datadogoauthctl keyset list --keyset FILE [--json]

Shows the keys of a keyset, never a part of one. The primary key seals, every enabled key opens.
`

const addUsage = `datadogoauthctl keyset add --keyset FILE

Puts another random key into the keyset and prints its id. It opens at once and seals nothing until it is promoted.

To replace a key without a stop:

    1. keyset add, then give the file to every collector that uses it. A running collector takes it in within a minute.
    2. keyset promote, then the same again. The collector that connects customers seals by itself everything under the
       promoted key within a minute.
    3. keyset retire, then the same again. It is refused while the store holds a record under the old key.

What a collector has taken in is in its log, "A keyset file was replaced and is in use", with the id of the key that seals.

A keyset that comes from a Kubernetes secret is read only where it is mounted: change a copy, then the secret.

Example:

    datadogoauthctl keyset add --keyset tokens.keyset.json
    datadogoauthctl keyset promote --keyset tokens.keyset.json --id 2871943006
    datadogoauthctl keyset retire --keyset tokens.keyset.json --id 1094823377 --admin http://localhost:8445 --token-file admin.token
`

const promoteUsage = `datadogoauthctl keyset promote --keyset FILE --id ID

Makes the key with this id the one that seals. Every collector must hold it by then: one that does not can open nothing that
another one seals with it.
`

const retireUsage = `datadogoauthctl keyset retire --keyset FILE --id ID STORE
datadogoauthctl keyset retire --keyset FILE --id ID --unused-anywhere

Takes a key out of the keyset for good. It is refused for the primary key, and while STORE holds a record under the key. An
archive that was made while the key was in use opens with a copy of the old keyset file only. The store is looked at once: make sure
that every collector has taken in the promoted file, since one that has not goes on sealing under the old key. It opens that itself when
it takes in the last file, and seals it again; others cannot open it until then, and it cannot either if it is restarted first.

STORE is one of:

    --store FILE                           a store file that no collector uses at the time
    --postgres-dsn-file FILE               a file that holds the connection string of a PostgreSQL database
    --admin URL --token-file FILE          a running collector, by its admin listener and a token of the role operate
    [--ca-file FILE]                       the authority of that listener's certificate

--unused-anywhere looks at no store. It is for a key that no collector was ever given.
`

const backupUsage = `datadogoauthctl store backup STORE --out FILE

Writes an archive of the store, sealed as the records are, and reads it again to make sure that it is whole. FILE must not
exist yet; it gets mode 0600.

STORE is one of --store FILE (no collector may use it at the time), --postgres-dsn-file FILE, and for a running collector
--admin URL --token-file FILE [--ca-file FILE]; the token needs the role operate.

A backup grows old: Datadog gives out another refresh token with each refresh and accepts the old one no more. Take one every
hour, and keep the keysets somewhere else.
`

const restoreUsage = `datadogoauthctl store restore --from FILE STORE --tokens-keyset FILE --keys-keyset FILE

Puts an archive into a new store. Everything is checked before anything is written: the archive is whole, and both keysets open
what it holds. STORE is --store FILE, which must not exist yet, or --postgres-dsn-file FILE of a database without records.

Consents, logins, connect links and changes that wait for a confirmation are left out: a browser that was on its way is gone, and
what was used, revoked or rejected after the backup would work again. Send those customers new links.

The store starts in quarantine, since the tokens in it may be older than those that Datadog knows: a key serves once it was
validated, and refreshes go one at a time and stop after three that Datadog refuses. Where they had stopped when the backup was made
they stay stopped; POST /v1/quarantine/end of the admin listener lifts that.

    --even-unreadable          take along records that do not open; their tenants wait, the others go on
    --lost-tokens-keyset       the keyset of the tokens is lost: leave out all that it sealed, and begin with the one that
                               --tokens-keyset names. API keys go on serving; each customer connects again for new tokens.
`

const verifyUsage = `datadogoauthctl store verify STORE --tokens-keyset FILE --keys-keyset FILE [--json]

Opens every record, and shows how many there are of each kind, which keys seal them, which do not open and why, and what does
not fit together. It changes nothing and shows no secret. The exit status is 1 when a record does not open.

STORE is one of --store FILE (no collector may use it at the time), --postgres-dsn-file FILE, --archive FILE, and for a
running collector --admin URL --token-file FILE [--ca-file FILE]; the token needs the role operate.
`

const copyUsage = `datadogoauthctl store copy FROM TO --tokens-keyset FILE --keys-keyset FILE

Copies a store into a new one. FROM is one of --from-store FILE, --from-postgres-dsn-file FILE, and --from-admin URL
--from-token-file FILE [--from-ca-file FILE]. TO is --to-store FILE, which must not exist yet, or --to-postgres-dsn-file FILE
of a database without records.

From a store file the copy is exact, since no collector can use the file meanwhile. From anything else the source may go on
and rotate tokens that the copy then lacks: the copy starts in quarantine, as a restored store does.

Never let collectors use both stores: one spends the refresh tokens of the other.

    --even-unreadable          take along records that do not open; their tenants wait, the others go on
    --lost-tokens-keyset       the keyset of the tokens is lost: leave out all that it sealed, and begin with the one that
                               --tokens-keyset names. API keys go on serving; each customer connects again for new tokens.
    --allow-plaintext          let the connection to PostgreSQL go without TLS; every command that takes a database has this flag
`

// helpFor returns the usage of the command that args begin with, or that of all.
func helpFor(args []string) string {
	var group []string
	for _, c := range commands() {
		switch {
		case begins(c, args):
			return c.usage + "\nExample:\n\n    " + c.example + "\n"
		case strings.HasPrefix(c.name, args[0]+" "):
			group = append(group, c.usage)
		}
	}
	if len(group) > 0 {
		return strings.Join(group, "\n")
	}
	return usageHead
}

func begins(c *command, args []string) bool {
	_, ok := c.named(args)
	return ok
}

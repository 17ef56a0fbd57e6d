-- The tables of a store. What they are for is told in postgres.go, what the roles need in the documentation.

CREATE TABLE datadogoauth.records (
	kind    text COLLATE "C" NOT NULL,
	key     bytea            NOT NULL,
	version bigint           NOT NULL CHECK (version > 0),
	value   bytea            NOT NULL,
	changed bigint           NOT NULL,
	PRIMARY KEY (kind, key)
);
CREATE INDEX records_changed ON datadogoauth.records (changed);

CREATE TABLE datadogoauth.deletions (
	kind    text COLLATE "C" NOT NULL,
	key     bytea            NOT NULL,
	version bigint           NOT NULL,
	changed bigint           NOT NULL,
	PRIMARY KEY (kind, key)
);
CREATE INDEX deletions_changed ON datadogoauth.deletions (changed);

-- One row. Whoever writes records updates it first, so it is the lock of all writers and the clock of their commits. The room that is
-- left in its page lets an update stay in that page.
CREATE TABLE datadogoauth.feed (
	one      boolean PRIMARY KEY DEFAULT true CHECK (one),
	position bigint  NOT NULL
) WITH (fillfactor = 10);
INSERT INTO datadogoauth.feed (position) VALUES ((extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

CREATE TABLE datadogoauth.commits (
	position bigint      PRIMARY KEY,
	at       timestamptz NOT NULL
);
INSERT INTO datadogoauth.commits (position, at) SELECT position, clock_timestamp() FROM datadogoauth.feed;

CREATE TABLE datadogoauth.leases (
	name    bytea       PRIMARY KEY,
	fence   bigint      NOT NULL,
	holder  bytea       NOT NULL, -- random, of each call that asked
	expires timestamptz NOT NULL
) WITH (fillfactor = 50);

-- A role that does not own the tables, the read-only one of a collector that only sends, sees rows of the kinds that sending needs,
-- whatever it was granted. The owner, which is the writer, is not held by policies.
ALTER TABLE datadogoauth.records ENABLE ROW LEVEL SECURITY;
ALTER TABLE datadogoauth.deletions ENABLE ROW LEVEL SECURITY;
CREATE POLICY senders ON datadogoauth.records FOR SELECT
	USING (kind IN ('canary', 'client', 'grant', 'org', 'quarantine'));
CREATE POLICY senders ON datadogoauth.deletions FOR SELECT
	USING (kind IN ('canary', 'client', 'grant', 'org', 'quarantine'));

// Package pg runs a real PostgreSQL for tests, with PgBouncer and a gate for its network where a test asks for them.
//
// Everything listens on loopback, writes below a directory of its own and ends with this process. As root it runs as the user postgres,
// since PostgreSQL refuses root. What it needs: the packages postgresql and, for Pool, pgbouncer.
package pg

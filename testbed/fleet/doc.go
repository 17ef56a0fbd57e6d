// Package fleet runs one collector with many tenants, each connected by a consent of its own in an organisation of its own, in front of a sink that
// tells when their items arrive. The measuring commands are built on it: scale, poison and soak.
package fleet

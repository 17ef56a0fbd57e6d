// Package zstd takes the place of a module of Datadog's Agent that module proxies do not serve.
//
// Nothing that is built here imports it: only tests of Datadog's own trace writer do, and `go mod tidy` looks at those.
package zstd

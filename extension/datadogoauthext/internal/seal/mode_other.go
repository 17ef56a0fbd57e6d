//go:build !unix

package seal

import "io/fs"

// checkMode passes: the mode says nothing about who may read where access lists decide. Whoever installs the collector
// there sets the list of the directory.
func checkMode(string, fs.FileInfo) error { return nil }

//go:build race

package hostmetadata_test

const raceEnabled = true

//go:build race

package attributes_test

const raceEnabled = true

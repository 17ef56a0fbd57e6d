//go:build !race

package apmstats_test

const raceEnabled = false

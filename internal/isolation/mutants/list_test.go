package main

import (
	"fmt"
	"path/filepath"
	"testing"
)

// TestTheListIsUpToDate: the code that each mutant changes is there, and once. Whether the mutants are caught is for make isolation.
func TestTheListIsUpToDate(t *testing.T) {
	t.Chdir("../../..")
	dir := t.TempDir()
	for i, m := range mutants {
		if _, err := m.overlay(filepath.Join(dir, fmt.Sprint(i))); err != nil {
			t.Error(err)
		}
	}
}

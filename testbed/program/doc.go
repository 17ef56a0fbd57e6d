// Package program is what the programs of testbed/cmd have in common: how one begins, what it is given, and how it ends.
package program

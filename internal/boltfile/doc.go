// Package boltfile looks for damage in a file of bbolt before bbolt opens it.
//
// bbolt (v1.5.0) follows all pages of a file that it opens, in a goroutine of its own, and trusts what they say of their sizes and of each other. A panic there
// cannot be recovered from by anybody: one flipped bit ends the whole process, at every start. Check reads the same, believes nothing, and returns an error.
//
// Values are not looked at: whoever wrote them has a check sum in them.
package boltfile
